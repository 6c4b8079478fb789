//! GET /admin/promo-codes
//! Every code and how often it was redeemed, newest first.

use api::list::List;
use api::promos::PromoView;
use app::{App, promos};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let admin = request.admin()?;
    let (cursor, limit) = api::list::check_query(request.query())?;

    let page = promos::list(app, &admin, cursor.as_deref(), limit).await?;

    let promos = page.promos.iter().map(PromoView::from).collect();
    Ok(Reply::ok(&List::new(promos, page.next_cursor)))
}
