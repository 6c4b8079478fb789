//! GET /teams/{team_id}/stats
//! Counts and sums over the generations of a team.

use api::generations::StatsView;
use api::teams::STATS;
use app::{App, Error, teams};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&STATS, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<StatsView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    request.query().finish(())?;

    let (stats, complete) = teams::stats(app, &request.caller, &id).await?;

    Ok(Reply::ok(&StatsView::new(stats, complete)))
}
