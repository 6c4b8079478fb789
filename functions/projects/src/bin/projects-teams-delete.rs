//! DELETE /projects/{project_id}/teams/{team_id}
//! Stops sharing a project with a team.

use api::endpoint::Nothing;
use api::grants::DELETE;
use app::{App, Error, grants};
use domain::callers::Caller;
use domain::ids::{ProjectId, TeamId};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;
    let team = request.path("team_id", "team", TeamId::parse)?;

    grants::remove(app, &request.caller, &id, &team).await?;

    Ok(Reply::empty())
}
