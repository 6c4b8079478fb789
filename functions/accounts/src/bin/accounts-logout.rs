//! POST /auth/logout
//! Ends the session of this request, or every session of the caller.

use api::endpoint::{Nothing, Optional};
use api::sessions::{LOGOUT, Logout};
use app::{App, Error, sessions};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LOGOUT, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person, Optional<Logout>>,
) -> Result<Reply<Nothing>, Error> {
    let asked = request.body()?;

    if asked.all {
        sessions::end_all(app, &request.caller).await?;
    } else {
        sessions::end(app, &request.caller, request.caller.session()).await?;
    }

    Ok(Reply::empty())
}
