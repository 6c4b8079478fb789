//! GET /metrics
//! The platform's counters, for Prometheus. Admins only.

use api::endpoint::Text;
use api::metrics;
use api::service::METRICS;
use app::{App, Error, reconciliation};
use domain::callers::Admin;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&METRICS, handle)
}

async fn handle(app: &'static App, _: Request<Admin>) -> Result<Reply<Text>, Error> {
    let run = reconciliation::rollup(app).await?;

    Ok(Reply::text(
        metrics::CONTENT_TYPE,
        &metrics::text(run.as_ref()),
    ))
}
