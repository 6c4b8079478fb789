//! GET /teams/{team_id}
//! A team that the caller is in.

use api::teams::{GET, TeamView};
use app::{App, Error, teams};
use domain::access::Action;
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<TeamView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;

    let seen = teams::get(app, &request.caller, Action::View, &id).await?;

    Ok(Reply::ok(&TeamView::new(&seen.team, &seen.by)))
}
