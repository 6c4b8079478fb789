//! DELETE /projects/{project_id}
//! Deletes a project; what was filed in it stays.

use ::http::StatusCode;
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

    projects::delete(app, &caller, &id).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
