//! GET /models
//! The whole catalogue.

use api::list::List;
use api::models::{LIST, ModelView};
use app::pages::PageRequest;
use app::{App, Error, models};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply<List<ModelView>>, Error> {
    let (kind, cursor, limit) = api::models::check_query(request.query())?;

    let page = models::list(app, kind, &PageRequest { cursor, limit }).await?;

    let views = page.rows.iter().map(ModelView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
