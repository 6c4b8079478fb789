//! DELETE /me
//! Erases the caller's account: their personal data, sessions, keys and media.

use api::accounts::{DELETE_ME, EraseAccount};
use api::endpoint::Nothing;
use app::{App, Error, erasure};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE_ME, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person, EraseAccount>,
) -> Result<Reply<Nothing>, Error> {
    let password = request.body()?.check()?;

    erasure::erase(app, &request.caller, password).await?;

    Ok(Reply::empty())
}
