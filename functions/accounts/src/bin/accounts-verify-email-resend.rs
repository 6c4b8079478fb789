//! POST /auth/verify-email/resend
//! Has the caller's verification letter written once more.

use ::http::StatusCode;
use api::emails::LetterAsked;
use app::{App, emails};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, _) = request.person()?;

    emails::resend(app, &caller).await?;

    Ok(Reply::json(StatusCode::ACCEPTED, &LetterAsked::default()))
}
