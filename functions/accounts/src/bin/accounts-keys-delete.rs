//! DELETE /me/api-keys/{key_id}
//! Ends a personal API key.

use ::http::StatusCode;
use app::{App, api_keys};
use domain::ids::KeyId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, _) = request.person()?;
    let id = request.path("key_id", "API key", KeyId::parse)?;

    api_keys::delete(app, &caller, &id).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
