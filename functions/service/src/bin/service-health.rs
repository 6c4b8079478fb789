//! GET /health
//! Whether the database, the queues, the storage and the provider work; 503 if one does not.

use std::time::Duration;

use api::endpoint::{Either, Json};
use api::service::{HEALTH, Health};
use app::{App, Error, health};
use entry::http::{self, Reply, Request};

/// The time after which to ask again if a part did not answer.
const RETRY: Duration = Duration::from_secs(10);

fn main() -> entry::Exit {
    http::serve(&HEALTH, handle)
}

async fn handle(
    app: &'static App,
    _: Request,
) -> Result<Reply<Either<Health, Json<503, Health>>>, Error> {
    let health = health::check(app).await;
    let view = Health::new([
        health.database,
        health.queue,
        health.storage,
        health.provider,
    ]);
    Ok(if health.is_ok() {
        Reply::first(Reply::ok(&view))
    } else {
        Reply::second(Reply::unavailable(&view)).retry_after(RETRY)
    })
}
