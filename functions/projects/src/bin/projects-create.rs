//! POST /projects
//! Makes a project.

use api::endpoint::Created;
use api::projects::{CREATE, CreateProject, ProjectView};
use app::{App, projects};
use domain::callers::Caller;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateProject>,
) -> Result<Reply<Created<ProjectView>>, Failure> {
    let details = request.body()?.check()?;

    let project = projects::create(app, &request.caller, details).await?;

    Ok(Reply::created(&ProjectView::from(&project)))
}
