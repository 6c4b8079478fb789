//! The preview worker
//! Makes small pictures of delivered files.

use app::{App, Error, jobs};
use entry::sqs::{self, Delivery, Disposition};
use queue::Preview;

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<Preview>) -> Result<Disposition, Error> {
    jobs::preview(app, &delivery.message.generation_id).await?;

    Ok(Disposition::Done)
}
