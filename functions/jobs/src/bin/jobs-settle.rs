//! The settle worker
//! Takes a job as far as it goes: asks the provider, copies the media, captures or releases the credits.

use app::{App, jobs};
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
    } = delivery.message;
    let Some(id) = GenerationId::parse(&generation_id) else {
        return Ok(Handled::Done);
    };
    let word = word.map(|word| (word.request_id, word.outcome.into()));

    jobs::settle(app, &id, word.as_ref()).await?;

    Ok(Handled::Done)
}
