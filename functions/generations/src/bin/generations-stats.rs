//! GET /generations/stats
//! Counts and sums over the caller's generations.

use api::generations::{STATS, StatsView};
use app::{App, Error, generations};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&STATS, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<StatsView>, Error> {
    request.query().finish(())?;

    let (stats, complete) = generations::stats(app, &request.caller).await?;

    Ok(Reply::ok(&StatsView::new(stats, complete)))
}
