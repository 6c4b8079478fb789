//! POST /invitations/decline
//! Declines an invitation.

use api::endpoint::Nothing;
use api::invitations::{AnswerInvitation, DECLINE};
use app::{App, Error, invitations};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DECLINE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person, AnswerInvitation>,
) -> Result<Reply<Nothing>, Error> {
    let token = request.body()?.check()?;

    invitations::decline(app, &request.caller, &token).await?;

    Ok(Reply::empty())
}
