//! DELETE /teams/{team_id}
//! Deletes a team; its credits go to its owner.

use api::endpoint::Nothing;
use api::teams::DELETE;
use app::{App, Error, teams};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;

    teams::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
