//! The delivery worker
//! Sends events to webhook endpoints, and deletes the deliveries of endpoints that were deleted.

use api::events;
use app::{App, Error, webhook_deliveries, webhook_endpoints};
use entry::sqs::{self, Delivery, Disposition};
use queue::{Deliver, EventText};

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<Deliver>) -> Result<Disposition, Error> {
    let Deliver {
        endpoint_id,
        event_id,
    } = delivery.message;
    match event_id {
        Some(EventText(event)) => {
            webhook_deliveries::deliver(app, &endpoint_id, &event, events::body).await?;
        }
        None => webhook_endpoints::end(app, &endpoint_id).await?,
    }

    Ok(Disposition::Done)
}
