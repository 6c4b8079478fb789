//! GET /teams/{team_id}/credits/transactions
//! A team's ledger, newest first.

use api::credits::Transaction;
use api::list::{self, List};
use api::transfers::TRANSACTIONS;
use app::{App, Error, transfers};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&TRANSACTIONS, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<Transaction>>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let page = transfers::transactions(app, &request.caller, &id, cursor.as_deref(), limit).await?;

    let entries = page.rows.iter().map(Transaction::from).collect();
    Ok(Reply::ok(&List::new(entries, page.next_cursor)))
}
