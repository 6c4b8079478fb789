//! GET /projects/{project_id}
//! One project: the caller's own, or a public one.

use api::projects::ProjectView;
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

    let project = projects::get(app, &caller, &id).await?;

    Ok(Reply::ok(&ProjectView::from(&project)))
}
