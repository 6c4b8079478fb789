//! The submit worker, behind the image queue and the video queue
//! Hands a job to the provider, at most once.

use app::jobs::{self, Taken};
use app::{App, Error};
use entry::sqs::{self, Delivery, Disposition};
use queue::Submit;

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<Submit>) -> Result<Disposition, Error> {
    let id = &delivery.message.generation_id;

    match jobs::submit(app, id, &delivery.receipt_handle).await? {
        Taken::Done => Ok(Disposition::Done),
        Taken::Again => Ok(Disposition::Again),
    }
}
