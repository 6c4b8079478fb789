//! GET /teams/{team_id}/credits
//! A team's wallet.

use api::credits::Balance;
use api::transfers::BALANCE;
use app::{App, Error, transfers};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&BALANCE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Balance>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;

    let wallet = transfers::balance(app, &request.caller, &id).await?;

    Ok(Reply::ok(&Balance::from(&wallet)))
}
