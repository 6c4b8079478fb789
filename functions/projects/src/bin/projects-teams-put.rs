//! PUT /projects/{project_id}/teams/{team_id}
//! Shares a project with a team.

use api::grants::{GrantView, PUT, PutGrant};
use app::{App, Error, grants};
use domain::callers::Caller;
use domain::ids::{ProjectId, TeamId};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&PUT, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, PutGrant>,
) -> Result<Reply<GrantView>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;
    let team = request.path("team_id", "team", TeamId::parse)?;
    let level = request.body()?.check()?;

    grants::put(app, &request.caller, &id, &team, level).await?;

    Ok(Reply::ok(&GrantView::new(&id, &team, level)))
}
