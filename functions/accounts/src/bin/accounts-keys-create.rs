//! POST /me/api-keys
//! Makes a personal API key, and shows it this once.

use api::api_keys::{ApiKeyView, CreateApiKey};
use app::{App, api_keys, clock};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, session) = request.person()?;
    let asked = request.body::<CreateApiKey>()?.check(clock::now())?;

    let made = api_keys::create(app, &caller, &session, asked).await?;

    Ok(Reply::created(&ApiKeyView::with_secret(
        &made.key,
        made.secret,
    )))
}
