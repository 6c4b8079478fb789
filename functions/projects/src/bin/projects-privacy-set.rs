//! PUT /projects/{project_id}/privacy
//! Sets the privacy flags of a project: what others may see and do.

use api::grants::{PrivacyView, SET_PRIVACY, SetPrivacy};
use app::{App, Error, grants};
use domain::callers::Caller;
use domain::ids::ProjectId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&SET_PRIVACY, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, SetPrivacy>,
) -> Result<Reply<PrivacyView>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;
    let privacy = request.body()?.into();

    let privacy = grants::set_privacy(app, &request.caller, &id, privacy).await?;

    Ok(Reply::ok(&PrivacyView::from(privacy)))
}
