//! POST /webhooks/stripe
//! An event of Stripe's. Proven by signature and time, or 401; what concerns
//! nobody here is taken and forgotten.

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
