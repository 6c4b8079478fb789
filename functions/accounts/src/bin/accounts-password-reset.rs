//! POST /auth/password-reset
//! Has a letter written that lets somebody choose another password. The answer tells nothing of who exists.

use ::http::StatusCode;
use api::emails::LetterAsked;
use api::passwords::AskForReset;
use app::{App, passwords};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let email = request.body::<AskForReset>()?.check()?;

    passwords::ask_for_reset(app, &request.source(), &email).await?;

    Ok(Reply::json(StatusCode::ACCEPTED, &LetterAsked::default()))
}
