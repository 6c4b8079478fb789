//! POST /webhook-deliveries/{event_id}/replay
//! Sends an event again.

use api::endpoint::Accepted;
use api::endpoint::Optional;
use api::list::List;
use api::webhook_deliveries::{DeliveryView, REPLAY, ReplayDelivery};
use app::{App, Error, webhook_deliveries};
use domain::callers::Caller;
use domain::ids::EventId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&REPLAY, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, Optional<ReplayDelivery>>,
) -> Result<Reply<Accepted<List<DeliveryView>>>, Error> {
    let event = request.path("event_id", "webhook delivery", EventId::parse)?;
    let only = request.body()?.check()?;

    let told = webhook_deliveries::replay(app, &request.caller, &event, only.as_ref()).await?;

    let views = told.iter().map(DeliveryView::from).collect();
    Ok(Reply::accepted(&List::new(views, None)))
}
