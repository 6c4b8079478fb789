//! GET /me/api-keys
//! The caller's personal API keys, without their secrets.

use api::api_keys::ApiKeyView;
use api::list::{self, List};
use app::pages::Wanted;
use app::{App, api_keys};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, _) = request.person()?;
    let (cursor, limit) = list::check_query(request.query())?;

    let page = api_keys::list(app, &caller, &Wanted { cursor, limit }).await?;

    let views = page.rows.iter().map(ApiKeyView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
