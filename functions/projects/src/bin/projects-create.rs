//! POST /projects
//! Makes a project.

use api::endpoint::Created;
use api::projects::{CREATE, CreateProject, ProjectView};
use app::{App, Error, projects};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateProject>,
) -> Result<Reply<Created<ProjectView>>, Error> {
    let details = request.body()?.check()?;

    let project = projects::create(app, &request.caller, details).await?;

    Ok(Reply::created(&ProjectView::from(&project)))
}
