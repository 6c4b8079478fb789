//! GET /generations/stats
//! The caller's generations, counted.

use api::generations::StatsView;
use app::{App, generations};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Read)?;
    request.query().finish(())?;

    let (stats, complete) = generations::stats(app, &caller).await?;

    Ok(Reply::ok(&StatsView::new(stats, complete)))
}
