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
    let checked = request.body()?.check()?;

    let change = passwords::PasswordChange {
        current: checked.current,
        new: checked.new,
        ends_keys: checked.ends_keys,
    };
    passwords::change(app, &request.caller, request.caller.session(), change).await?;

    Ok(Reply::empty())
}
