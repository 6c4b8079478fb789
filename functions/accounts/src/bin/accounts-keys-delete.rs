//! DELETE /me/api-keys/{key_id}
//! Ends a personal API key.

use api::api_keys::DELETE;
use api::endpoint::Nothing;
use app::{App, Error, api_keys};
use domain::callers::Person;
use domain::ids::KeyId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Person>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("key_id", "API key", KeyId::parse)?;

    api_keys::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
