//! The settle worker, behind the settle queue and the look queue
//! Takes a job as far as it goes: asks the provider, copies the media, captures or releases the credits.

use app::App;
use app::jobs::{self, Cause};
use domain::Timestamp;
use domain::ids::GenerationId;
use entry::http::Failure;
use entry::sqs::{self, Delivery, Handled};
use queue::Settle;

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<Settle>) -> Result<Handled, Failure> {
    let Settle {
        generation_id,
        word,
        leased_until_ms,
    } = delivery.message;
    let Some(id) = GenerationId::parse(&generation_id) else {
        return Ok(Handled::Done);
    };
    let cause = match (word, leased_until_ms) {
        (Some(word), _) => Cause::Word((word.request_id, word.outcome.into())),
        (None, Some(until_ms)) => Cause::Due(Timestamp::from_ms(until_ms)),
        (None, None) => Cause::News,
    };

    jobs::settle(app, &id, &cause).await?;

    Ok(Handled::Done)
}
