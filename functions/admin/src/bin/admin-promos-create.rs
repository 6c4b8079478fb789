//! POST /admin/promo-codes
//! Makes a code that gives credits.

use api::promos::{CreatePromo, PromoView};
use app::{App, clock, promos};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.admin()?;
    let promo = request
        .body::<CreatePromo>()?
        .check(&caller.user, clock::now())?;

    promos::create(app, &promo).await?;

    Ok(Reply::created(&PromoView::from(&promo)))
}
