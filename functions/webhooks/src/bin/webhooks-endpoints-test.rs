//! POST /webhook-endpoints/{webhook_endpoint_id}/test
//! Sends a test event to a webhook endpoint.

use api::endpoint::Accepted;
use api::webhook_deliveries::DeliveryView;
use api::webhook_endpoints::TEST;
use app::{App, Error, webhook_deliveries};
use domain::callers::Caller;
use domain::ids::WebhookEndpointId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&TEST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<Accepted<DeliveryView>>, Error> {
    let id = request.path(
        "webhook_endpoint_id",
        "webhook endpoint",
        WebhookEndpointId::parse,
    )?;

    let delivery = webhook_deliveries::test(app, &request.caller, &id).await?;

    Ok(Reply::accepted(&DeliveryView::from(&delivery)))
}
