//! GET /admin/teams/{team_id}
//! A team, and its wallet.

use api::admin::accounts::{GET_TEAM, TeamDetailsView};
use app::{App, Error, admin};
use domain::callers::Admin;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET_TEAM, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin>,
) -> Result<Reply<TeamDetailsView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;

    let (team, wallet) = admin::team(app, &request.caller, &id).await?;

    Ok(Reply::ok(&TeamDetailsView::new(&team, &wallet)))
}
