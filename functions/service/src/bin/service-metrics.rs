//! GET /metrics
//! The platform's counters, for Prometheus. Admins only.

use api::metrics;
use app::{App, reconciliation};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    request.admin()?;

    let run = reconciliation::rollup(app).await?;

    Ok(Reply::text(
        metrics::CONTENT_TYPE,
        &metrics::text(run.as_ref()),
    ))
}
