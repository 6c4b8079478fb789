//! GET /admin/promo-codes
//! Every code, with the number of its redemptions, newest first.

use api::list::List;
use api::promos::{LIST, PromoView};
use app::{App, Error, promos};
use domain::callers::Admin;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin>,
) -> Result<Reply<List<PromoView>>, Error> {
    let (cursor, limit) = api::list::check_query(request.query())?;

    let page = promos::list(app, &request.caller, cursor.as_deref(), limit).await?;

    let promos = page.rows.iter().map(PromoView::from).collect();
    Ok(Reply::ok(&List::new(promos, page.next_cursor)))
}
