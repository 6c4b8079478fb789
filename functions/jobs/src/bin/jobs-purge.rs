//! The purge, every ten minutes
//! Deletes what erased accounts left, until nothing of theirs can arrive any more.

use app::{App, erasure};
use entry::http::Failure;
use entry::schedule;
use serde_json::{Value, json};

fn main() -> entry::Exit {
    schedule::serve(handle)
}

async fn handle(app: &'static App) -> Result<Value, Failure> {
    let purged = erasure::go_on(app).await?;

    Ok(json!({ "deleted": purged.deleted, "ended": purged.ended, "open": purged.open }))
}
