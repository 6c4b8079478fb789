//! The settle worker, behind the settle queue and the look queue
//! Takes a job as far as it can go: asks the provider, copies the media, captures or releases the credits.

use app::jobs::{self, SettleTrigger};
use app::{App, Error};
use domain::Timestamp;
use entry::sqs::{self, Delivery, Disposition};
use queue::Settle;

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<Settle>) -> Result<Disposition, Error> {
    let Settle {
        generation_id,
        word,
        leased_until_ms,
    } = delivery.message;
    let cause = match (word, leased_until_ms) {
        (Some(word), _) => SettleTrigger::ProviderReport((word.request_id, word.outcome.into())),
        (None, Some(until_ms)) => SettleTrigger::Due(Timestamp::from_ms(until_ms)),
        (None, None) => SettleTrigger::News,
    };

    jobs::settle(app, &generation_id, &cause).await?;

    Ok(Disposition::Done)
}
