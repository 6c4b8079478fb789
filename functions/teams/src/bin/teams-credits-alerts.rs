//! GET /teams/{team_id}/credits/alerts
//! The thresholds at which a team's owner is warned about its wallet.

use api::alerts::{AlertsView, GET_FOR_TEAM};
use app::{App, Error, alerts};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET_FOR_TEAM, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<AlertsView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;

    let watch = alerts::of_team(app, &request.caller, &id).await?;

    Ok(Reply::ok(&AlertsView::from(watch)))
}
