//! GET /credits/stats
//! The caller's spending, by day and by model.

use api::credits::{CreditStats, STATS};
use app::{App, Error, credits};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&STATS, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<CreditStats>, Error> {
    let days = api::credits::check_days(request.query())?;

    let spending = credits::spending(app, &request.caller, days).await?;

    Ok(Reply::ok(&CreditStats::new(
        spending.first,
        spending.last,
        &spending.spent,
    )))
}
