//! PATCH /projects/{project_id}
//! Changes a project.

use api::projects::{ProjectView, UpdateProject};
use app::{App, projects};
use domain::accounts::Scope;
use domain::ids::ProjectId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let id = request.path("project_id", "project", ProjectId::parse)?;
    let change = request.body::<UpdateProject>()?.check()?;

    let project = projects::update(app, &caller, &id, &change).await?;

    Ok(Reply::ok(&ProjectView::from(&project)))
}
