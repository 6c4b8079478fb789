//! GET /credits/transactions
//! The caller's ledger, newest first.

use api::credits::{TRANSACTIONS, Transaction};
use api::list::List;
use app::{App, Error, credits};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&TRANSACTIONS, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<Transaction>>, Error> {
    let (cursor, limit) = api::list::check_query(request.query())?;

    let page = credits::transactions(app, &request.caller, cursor.as_deref(), limit).await?;

    let entries = page.rows.iter().map(Transaction::from).collect();
    Ok(Reply::ok(&List::new(entries, page.next_cursor)))
}
