//! GET /styles
//! The caller's own styles, or those of a team, newest first.

use api::list::List;
use api::styles::{LIST, StyleView, WantedStyles, check_query};
use app::pages::PageRequest;
use app::{App, Error, styles};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<StyleView>>, Error> {
    let WantedStyles {
        team,
        cursor,
        limit,
    } = check_query(request.query())?;
    let wanted = PageRequest { cursor, limit };

    let page = styles::list(app, &request.caller, team.as_ref(), &wanted).await?;

    let views = page.rows.iter().map(StyleView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
