//! GET /health
//! Whether the database, the queues, the storage and the provider work; 503 if one does not.

use std::time::Duration;

use ::http::StatusCode;
use api::service::Health;
use app::{App, health};
use entry::http::{self, Failure, Reply, Request};

/// When to ask again after a part did not answer.
const RETRY: Duration = Duration::from_secs(10);

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, _: Request) -> Result<Reply, Failure> {
    let health = health::check(app).await;
    let view = Health::new([
        health.database,
        health.queue,
        health.storage,
        health.provider,
    ]);
    Ok(if health.is_ok() {
        Reply::ok(&view)
    } else {
        Reply::json(StatusCode::SERVICE_UNAVAILABLE, &view).retry_after(RETRY)
    })
}
