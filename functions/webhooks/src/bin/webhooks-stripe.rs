//! POST /webhooks/stripe
//! An event of Stripe's. Proven by signature and time, or 401; what concerns nobody here is taken and forgotten.

use ::http::StatusCode;
use app::{App, purchases};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let signature = request.header("stripe-signature").unwrap_or_default();

    purchases::stripe_event(app, signature, request.bytes()?).await?;

    Ok(Reply::empty(StatusCode::OK))
}
