//! GET /projects/{project_id}/stats
//! Counts and sums over the generations in one of the caller's projects.

use api::generations::StatsView;
use api::projects::STATS;
use app::{App, Error, projects};
use domain::callers::Caller;
use domain::ids::ProjectId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&STATS, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<StatsView>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;
    request.query().finish(())?;

    let (stats, complete) = projects::stats(app, &request.caller, &id).await?;

    Ok(Reply::ok(&StatsView::new(stats, complete)))
}
