//! GET /me/api-keys
//! The caller's personal API keys, without their secrets.

use api::api_keys::ApiKeyView;
use api::list::List;
use app::{App, api_keys};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, _) = request.person()?;
    request.query().finish(())?;

    let keys = api_keys::list(app, &caller).await?;

    let views = keys.iter().map(ApiKeyView::from).collect();
    Ok(Reply::ok(&List::new(views, None)))
}
