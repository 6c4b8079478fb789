//! DELETE /teams/{team_id}/members/{user_id}
//! Removes a member.

use api::endpoint::Nothing;
use api::members::REMOVE;
use app::{App, Error, members};
use domain::callers::Caller;
use domain::ids::{TeamId, UserId};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&REMOVE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let user = request.path("user_id", "member", UserId::parse)?;

    members::remove(app, &request.caller, &id, &user).await?;

    Ok(Reply::empty())
}
