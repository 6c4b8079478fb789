//! POST /credits/checkout
//! Begins a Stripe Checkout. The credits come when it is paid.

use api::endpoint::Created;
use api::purchases::{CHECKOUT, CheckoutView, CreateCheckout};
use app::{App, Error, purchases};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CHECKOUT, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateCheckout>,
) -> Result<Reply<Created<CheckoutView>>, Error> {
    let key = request.idempotency_key()?;
    let wanted = request.body()?.check()?;

    let begun = purchases::checkout(app, &request.caller, &wanted, key.as_ref()).await?;

    let view = CheckoutView::new(wanted.pack, begun.session, begun.url);
    Ok(Reply::created(&view).replayed(begun.replayed))
}
