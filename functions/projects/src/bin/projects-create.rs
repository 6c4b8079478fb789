//! POST /projects
//! Makes a project.

use api::projects::{CreateProject, ProjectView};
use app::{App, projects};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let details = request.body::<CreateProject>()?.check()?;

    let project = projects::create(app, &caller, details).await?;

    Ok(Reply::created(&ProjectView::from(&project)))
}
