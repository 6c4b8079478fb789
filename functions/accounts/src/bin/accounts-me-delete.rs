//! DELETE /me
//! Erases the caller's account: their personal data, sessions, keys and media.

use ::http::StatusCode;
use api::accounts::EraseAccount;
use app::{App, erasure};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, _) = request.person()?;
    let password = request.body::<EraseAccount>()?.check()?;

    erasure::erase(app, &caller, password).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
