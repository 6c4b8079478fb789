//! GET /projects/{project_id}
//! One project: the caller's own, or a public one.

use api::projects::{GET, ProjectView};
use app::{App, Error, projects};
use domain::callers::Caller;
use domain::ids::ProjectId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<ProjectView>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;

    let project = projects::get(app, &request.caller, &id).await?;

    Ok(Reply::ok(&ProjectView::from(&project)))
}
