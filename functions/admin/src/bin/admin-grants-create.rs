//! POST /admin/credits/grants
//! Gives credits to a user, or takes some back.

use api::admin::CreateGrant;
use api::credits::Transaction;
use app::{App, admin};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.admin()?;
    let key = request.idempotency_key()?;
    let grant = request.body::<CreateGrant>()?.check()?;

    let booking = admin::grant(app, &caller, &grant, key.as_ref()).await?;

    let reply = Reply::created(&Transaction::from(&booking.entry));
    Ok(reply.replayed(booking.replayed))
}
