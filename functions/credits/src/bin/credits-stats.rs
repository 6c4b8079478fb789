//! GET /credits/stats
//! What the caller spent, by day and by model.

use api::credits::Stats;
use app::{App, credits};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Read)?;
    let days = api::credits::check_days(request.query())?;

    let spending = credits::spending(app, &caller, days).await?;

    Ok(Reply::ok(&Stats::new(
        spending.first,
        spending.last,
        &spending.spent,
    )))
}
