//! POST /webhooks/stripe
//! An event from Stripe. It needs a valid signature and a recent time, or it gets 401. An event that
//! concerns no purchase of ours is accepted and ignored.

use api::endpoint::{Empty, Signed};
use api::webhooks::STRIPE;
use app::{App, Error, purchases};
use domain::callers::Everybody;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&STRIPE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, Signed>,
) -> Result<Reply<Empty<200>>, Error> {
    let signature = request.header("stripe-signature").unwrap_or_default();

    purchases::stripe_event(app, signature, request.bytes()?).await?;

    Ok(Reply::empty())
}
