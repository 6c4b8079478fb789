//! POST /auth/verify-email/decline
//! Removes an account that was never verified, for the owner of its mailbox.

use ::http::StatusCode;
use api::emails::DeclineEmail;
use app::{App, emails};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let token = request.body::<DeclineEmail>()?.check()?;

    emails::decline(app, &token).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
