//! GET /projects/{project_id}/privacy
//! The privacy flags of a project: what others may see and do.

use api::grants::{PRIVACY, PrivacyView};
use app::{App, Error, grants};
use domain::callers::Caller;
use domain::ids::ProjectId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&PRIVACY, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<PrivacyView>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;

    let privacy = grants::privacy(app, &request.caller, &id).await?;

    Ok(Reply::ok(&PrivacyView::from(privacy)))
}
