//! DELETE /generations/{generation_id}/collaborations/{team_id}
//! Stops sharing a generation with a team.

use api::endpoint::Nothing;
use api::generations::UNSHARE;
use app::{App, Error, generations};
use domain::callers::Caller;
use domain::ids::{GenerationId, TeamId};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UNSHARE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let team = request.path("team_id", "team", TeamId::parse)?;

    generations::unshare(app, &request.caller, &id, &team).await?;

    Ok(Reply::empty())
}
