//! POST /auth/logout
//! Ends the session that asks, or every session of the caller.

use ::http::StatusCode;
use api::sessions::Logout;
use app::{App, sessions};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, session) = request.person()?;
    let asked = request.optional_body::<Logout>()?;

    if asked.all {
        sessions::end_all(app, &caller).await?;
    } else {
        sessions::end(app, &caller, &session).await?;
    }

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
