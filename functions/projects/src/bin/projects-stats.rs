//! GET /projects/{project_id}/stats
//! The generations in a project of the caller's, counted.

use api::generations::StatsView;
use app::{App, projects};
use domain::accounts::Scope;
use domain::ids::ProjectId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Read)?;
    let id = request.path("project_id", "project", ProjectId::parse)?;
    request.query().finish(())?;

    let (stats, complete) = projects::stats(app, &caller, &id).await?;

    Ok(Reply::ok(&StatsView::new(stats, complete)))
}
