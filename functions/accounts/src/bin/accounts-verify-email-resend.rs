//! POST /auth/verify-email/resend
//! Asks for the caller's verification letter once more.

use api::emails::{LetterAsked, RESEND};
use api::endpoint::Accepted;
use app::{App, Error, emails};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&RESEND, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person>,
) -> Result<Reply<Accepted<LetterAsked>>, Error> {
    emails::resend(app, &request.caller).await?;

    Ok(Reply::accepted(&LetterAsked::default()))
}
