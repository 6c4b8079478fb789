//! POST /webhook-endpoints/{webhook_endpoint_id}/rotate-secret
//! Gives a webhook endpoint a new secret, which is shown only in this answer.

use api::webhook_endpoints::{ROTATE, WebhookEndpointView};
use app::{App, Error, webhook_endpoints};
use domain::callers::Caller;
use domain::ids::WebhookEndpointId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&ROTATE, handle)
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

    let rotated = webhook_endpoints::rotate(app, &request.caller, &id).await?;

    let view = WebhookEndpointView::with_secret(&rotated.endpoint, rotated.secret);
    Ok(Reply::ok(&view))
}
