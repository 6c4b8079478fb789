//! POST /admin/promo-codes
//! Makes a code that gives credits.

use api::endpoint::Created;
use api::promos::{CREATE, CreatePromo, PromoView};
use app::{App, Error, clock, promos};
use domain::callers::Admin;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin, CreatePromo>,
) -> Result<Reply<Created<PromoView>>, Error> {
    let promo = request.body()?.check(&request.caller.user, clock::now())?;

    promos::create(app, &promo).await?;

    Ok(Reply::created(&PromoView::from(&promo)))
}
