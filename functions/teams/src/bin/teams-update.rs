//! PATCH /teams/{team_id}
//! Changes a team.

use api::teams::{TeamView, UPDATE, UpdateTeam};
use app::{App, Error, teams};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UPDATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, UpdateTeam>,
) -> Result<Reply<TeamView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let change = request.body()?.check()?;

    let seen = teams::update(app, &request.caller, &id, &change).await?;

    Ok(Reply::ok(&TeamView::new(&seen.team, &seen.by)))
}
