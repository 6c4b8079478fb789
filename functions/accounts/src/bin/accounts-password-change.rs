//! POST /me/password
//! Changes the caller's password, and ends their other sessions.

use ::http::StatusCode;
use api::passwords::ChangePassword;
use app::{App, passwords};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, session) = request.person()?;
    let checked = request.body::<ChangePassword>()?.check()?;

    let change = passwords::Change {
        current: checked.current,
        new: checked.new,
        ends_keys: checked.ends_keys,
    };
    passwords::change(app, &caller, &session, change).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
