//! The key worker
//! Makes usage-plan keys for users, takes back those whose time is over, and makes the keys that plans
//! share.

use app::{App, Error, metrics, usage_keys};
use entry::sqs::{self, Delivery, Disposition};
use queue::LookAtKeys;

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<LookAtKeys>) -> Result<Disposition, Error> {
    let looked = usage_keys::look(app, delivery.message).await?;

    if let Some(keys) = looked.keys {
        metrics::gauge(app, "UsagePlanKeys", keys);
    }
    Ok(if looked.again {
        Disposition::Again
    } else {
        Disposition::Done
    })
}
