//! POST /teams/{team_id}/leave
//! Removes the caller from a team.

use api::endpoint::Nothing;
use api::members::LEAVE;
use app::{App, Error, members};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LEAVE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;

    members::leave(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
