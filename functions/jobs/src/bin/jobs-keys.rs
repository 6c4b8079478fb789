//! The key worker
//! Gives each user a usage-plan key of their own, and takes back those whose time is over.

use app::{App, metrics, plans};
use domain::Timestamp;
use domain::ids::UserId;
use domain::plans::KeyNote;
use entry::http::Failure;
use entry::sqs::{self, Delivery, Handled};
use queue::LookAtKeys;

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<LookAtKeys>) -> Result<Handled, Failure> {
    let LookAtKeys { user_id, due_at_ms } = delivery.message;
    let Some(user) = UserId::parse(&user_id) else {
        return Ok(Handled::Done);
    };
    let due_at = Timestamp::from_ms(due_at_ms);

    let looked = plans::look(app, &KeyNote { user, due_at }).await?;

    if let Some(keys) = looked.keys {
        metrics::gauge("UsagePlanKeys", keys);
    }
    Ok(if looked.again {
        Handled::Again
    } else {
        Handled::Done
    })
}
