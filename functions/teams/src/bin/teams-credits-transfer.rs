//! POST /teams/{team_id}/credits/transfer
//! Moves credits from the caller's own wallet into a team's.

use api::credits::Transaction;
use api::endpoint::Created;
use api::transfers::{TRANSFER, TransferCredits};
use app::{App, Error, transfers};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&TRANSFER, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, TransferCredits>,
) -> Result<Reply<Created<Transaction>>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let key = request.idempotency_key()?;
    let amount = request.body()?.check()?;

    let booking = transfers::fund(app, &request.caller, &id, amount, key.as_ref()).await?;

    let reply = Reply::created(&Transaction::from(&booking.entry));
    Ok(reply.replayed(booking.replayed))
}
