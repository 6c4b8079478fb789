//! PATCH /webhook-endpoints/{webhook_endpoint_id}
//! Changes a webhook endpoint.

use api::webhook_endpoints::{UPDATE, UpdateWebhookEndpoint, WebhookEndpointView};
use app::{App, Error, webhook_endpoints};
use domain::callers::Caller;
use domain::ids::WebhookEndpointId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UPDATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, UpdateWebhookEndpoint>,
) -> Result<Reply<WebhookEndpointView>, Error> {
    let id = request.path(
        "webhook_endpoint_id",
        "webhook endpoint",
        WebhookEndpointId::parse,
    )?;
    let change = request.body()?.check()?;

    let endpoint = webhook_endpoints::update(app, &request.caller, &id, &change).await?;

    Ok(Reply::ok(&WebhookEndpointView::from(&endpoint)))
}
