//! POST /credits/checkout
//! Begins a Stripe Checkout; credits come when it was paid.

use api::purchases::{CheckoutView, CreateCheckout};
use app::{App, purchases};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let key = request.idempotency_key()?;
    let wanted = request.body::<CreateCheckout>()?.check()?;

    let begun = purchases::checkout(app, &caller, &wanted, key.as_ref()).await?;

    let view = CheckoutView::new(wanted.pack, begun.session, begun.url);
    Ok(Reply::created(&view).replayed(begun.replayed))
}
