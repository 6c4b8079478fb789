//! PATCH /projects/{project_id}
//! Changes a project.

use api::projects::{ProjectView, UPDATE, UpdateProject};
use app::{App, Error, projects};
use domain::callers::Caller;
use domain::ids::ProjectId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UPDATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, UpdateProject>,
) -> Result<Reply<ProjectView>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;
    let change = request.body()?.check()?;

    let project = projects::update(app, &request.caller, &id, &change).await?;

    Ok(Reply::ok(&ProjectView::from(&project)))
}
