//! The sweep, every minute
//! Finds the jobs, the webhooks and the users' keys that are due, and asks a worker to look at each. Puts
//! the lanes in order.

use app::{App, Error, breaker, jobs, rollout, shared_keys, usage_keys, webhook_deliveries};
use entry::schedule;
use serde_json::{Value, json};

fn main() -> entry::Exit {
    schedule::serve(handle)
}

async fn handle(app: &'static App) -> Result<Value, Error> {
    let due = jobs::sweep(app).await?;
    let webhooks = webhook_deliveries::send_due(app).await?;
    let keys = usage_keys::send_overdue(app).await?;
    shared_keys::send_missing(app).await?;
    breaker::measure(app).await?;
    let stale_settings = rollout::check(app).await?;

    Ok(json!({ "due": due, "webhooks": webhooks, "keys": keys, "stale_settings": stale_settings }))
}
