//! DELETE /projects/{project_id}
//! Deletes a project; what was filed in it stays.

use api::endpoint::Nothing;
use api::projects::DELETE;
use app::{App, Error, projects};
use domain::callers::Caller;
use domain::ids::ProjectId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;

    projects::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
