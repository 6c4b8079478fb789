//! POST /credits/redeem
//! Books what a promo code is worth, once a user.

use api::credits::Transaction;
use api::promos::RedeemCode;
use app::{App, promos};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let key = request.idempotency_key()?;
    let code = request.body::<RedeemCode>()?.check()?;

    let booking = promos::redeem(app, &caller, &code, key.as_ref()).await?;

    let reply = Reply::created(&Transaction::from(&booking.entry));
    Ok(reply.replayed(booking.replayed))
}
