//! POST /admin/generations/{generation_id}/refund
//! Gives back all or a part of the credits that were spent on a generation.

use api::admin::{REFUND, RefundGeneration};
use api::credits::Transaction;
use api::endpoint::Created;
use app::{App, Error, refunds};
use domain::callers::Admin;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&REFUND, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin, RefundGeneration>,
) -> Result<Reply<Created<Transaction>>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let key = request.idempotency_key()?;
    let order = request.body()?.check()?;

    let booking = refunds::refund(app, &request.caller, &id, &order, key.as_ref()).await?;

    let reply = Reply::created(&Transaction::from(&booking.entry));
    Ok(reply.replayed(booking.replayed))
}
