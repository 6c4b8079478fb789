//! GET /credits/transactions
//! The caller's ledger, newest first.

use api::credits::Transaction;
use api::list::List;
use app::{App, credits};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Read)?;
    let (cursor, limit) = api::list::check_query(request.query())?;

    let page = credits::transactions(app, &caller, cursor.as_deref(), limit).await?;

    let entries = page.entries.iter().map(Transaction::from).collect();
    Ok(Reply::ok(&List::new(entries, page.next_cursor)))
}
