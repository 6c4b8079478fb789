//! PUT /teams/{team_id}/credits/alerts
//! Sets the thresholds at which a team's owner is warned about its wallet.

use api::alerts::{AlertsView, SET_FOR_TEAM, SetAlerts};
use app::{App, Error, alerts};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&SET_FOR_TEAM, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, SetAlerts>,
) -> Result<Reply<AlertsView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let watch = request.body()?.check()?;

    let watch = alerts::set_for_team(app, &request.caller, &id, watch).await?;

    Ok(Reply::ok(&AlertsView::from(watch)))
}
