//! POST /teams/{team_id}/transfer-ownership
//! Hands a team over to another member.

use api::teams::{TRANSFER_OWNERSHIP, TeamView, TransferOwnership};
use app::{App, Error, teams};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&TRANSFER_OWNERSHIP, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, TransferOwnership>,
) -> Result<Reply<TeamView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let to = request.body()?.check()?;

    let seen = teams::hand_over(app, &request.caller, &id, &to).await?;

    Ok(Reply::ok(&TeamView::new(&seen.team, &seen.by)))
}
