//! POST /auth/password-reset
//! Asks for a letter that lets a user choose another password. The answer does not tell whether the user
//! exists.

use api::emails::LetterAsked;
use api::endpoint::Accepted;
use api::passwords::{ASK_FOR_RESET, AskForReset};
use app::{App, Error, passwords};
use domain::callers::Everybody;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&ASK_FOR_RESET, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, AskForReset>,
) -> Result<Reply<Accepted<LetterAsked>>, Error> {
    let email = request.body()?.check()?;

    passwords::ask_for_reset(app, &request.source(), &email).await?;

    Ok(Reply::accepted(&LetterAsked::default()))
}
