//! POST /credits/redeem
//! Books the credits of a promo code. Each user can redeem a code once.

use api::credits::Transaction;
use api::endpoint::Created;
use api::promos::{REDEEM, RedeemCode};
use app::{App, Error, promos};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&REDEEM, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, RedeemCode>,
) -> Result<Reply<Created<Transaction>>, Error> {
    let key = request.idempotency_key()?;
    let code = request.body()?.check()?;

    let booking = promos::redeem(app, &request.caller, &code, key.as_ref()).await?;

    let reply = Reply::created(&Transaction::from(&booking.entry));
    Ok(reply.replayed(booking.replayed))
}
