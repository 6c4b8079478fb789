//! GET /me/api-keys
//! The caller's personal API keys, without their secrets.

use api::api_keys::{ApiKeyView, LIST};
use api::list::{self, List};
use app::pages::PageRequest;
use app::{App, Error, api_keys, clock};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person>,
) -> Result<Reply<List<ApiKeyView>>, Error> {
    let (cursor, limit) = list::check_query(request.query())?;

    let page = api_keys::list(app, &request.caller, &PageRequest { cursor, limit }).await?;

    let now = clock::now();
    let view = |key| ApiKeyView::new(key, now);
    let views = page.rows.iter().map(view).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
