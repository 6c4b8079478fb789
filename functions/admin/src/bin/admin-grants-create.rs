//! POST /admin/credits/grants
//! Gives credits to a user, or takes some back.

use api::admin::{CreateGrant, GRANT};
use api::credits::Transaction;
use api::endpoint::Created;
use app::{App, Error, admin};
use domain::callers::Admin;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GRANT, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin, CreateGrant>,
) -> Result<Reply<Created<Transaction>>, Error> {
    let key = request.idempotency_key()?;
    let grant = request.body()?.check()?;

    let booking = admin::grant(app, &request.caller, &grant, key.as_ref()).await?;

    let reply = Reply::created(&Transaction::from(&booking.entry));
    Ok(reply.replayed(booking.replayed))
}
