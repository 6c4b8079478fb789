//! POST /invitations/accept
//! Takes the caller into the team that they were invited into.

use api::invitations::{ACCEPT, AnswerInvitation};
use api::teams::TeamView;
use app::{App, Error, invitations};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&ACCEPT, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person, AnswerInvitation>,
) -> Result<Reply<TeamView>, Error> {
    let token = request.body()?.check()?;

    let seen = invitations::accept(app, &request.caller, &token).await?;

    Ok(Reply::ok(&TeamView::new(&seen.team, &seen.by)))
}
