//! DELETE /me/api-keys/{key_id}
//! Ends a personal API key.

use api::api_keys::DELETE;
use api::endpoint::Nothing;
use app::{App, api_keys};
use domain::callers::Person;
use domain::ids::KeyId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Person>) -> Result<Reply<Nothing>, Failure> {
    let id = request.path("key_id", "API key", KeyId::parse)?;

    api_keys::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
