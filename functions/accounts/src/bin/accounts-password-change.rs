//! POST /me/password
//! Changes the caller's password, and ends their other sessions.

use api::endpoint::Nothing;
use api::passwords::{CHANGE, ChangePassword};
use app::{App, Error, passwords};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CHANGE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person, ChangePassword>,
) -> Result<Reply<Nothing>, Error> {
    let change = request.body()?.check()?;

    passwords::change(app, &request.caller, request.caller.session(), change).await?;

    Ok(Reply::empty())
}
