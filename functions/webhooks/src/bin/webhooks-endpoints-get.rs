//! GET /webhook-endpoints/{webhook_endpoint_id}
//! One webhook endpoint.

use api::webhook_endpoints::{GET, WebhookEndpointView};
use app::{App, Error, webhook_endpoints};
use domain::callers::Caller;
use domain::ids::WebhookEndpointId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<WebhookEndpointView>, Error> {
    let id = request.path(
        "webhook_endpoint_id",
        "webhook endpoint",
        WebhookEndpointId::parse,
    )?;

    let endpoint = webhook_endpoints::get(app, &request.caller, &id).await?;

    Ok(Reply::ok(&WebhookEndpointView::from(&endpoint)))
}
