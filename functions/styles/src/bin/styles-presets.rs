//! GET /style-presets
//! The styles that every user has.

use api::list::{self, List};
use api::styles::{PRESETS, StyleView};
use app::pages::PageRequest;
use app::{App, Error, styles};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_alone(&PRESETS, handle)
}

async fn handle(
    _: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<StyleView>>, Error> {
    let (cursor, limit) = list::check_query(request.query())?;

    let page = styles::presets(&PageRequest { cursor, limit })?;

    let views = page.rows.iter().map(StyleView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
