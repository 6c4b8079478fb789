//! POST /teams
//! Makes a team that the caller owns.

use api::endpoint::Created;
use api::teams::{CREATE, CreateTeam, TeamView};
use app::{App, Error, teams};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateTeam>,
) -> Result<Reply<Created<TeamView>>, Error> {
    let details = request.body()?.check()?;

    let seen = teams::create(app, &request.caller, details).await?;

    Ok(Reply::created(&TeamView::new(&seen.team, &seen.by)))
}
