//! DELETE /projects/{project_id}
//! Deletes a project, and its generations if that is asked for.

use api::endpoint::Nothing;
use api::projects::{DELETE, check_deletion};
use app::{App, Error, projects};
use domain::callers::Caller;
use domain::ids::ProjectId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;
    let contents = check_deletion(request.query())?;

    projects::delete(app, &request.caller, &id, contents).await?;

    Ok(Reply::empty())
}
