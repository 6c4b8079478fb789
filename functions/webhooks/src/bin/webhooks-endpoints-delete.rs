//! DELETE /webhook-endpoints/{webhook_endpoint_id}
//! Deletes a webhook endpoint and its deliveries.

use api::endpoint::Nothing;
use api::webhook_endpoints::DELETE;
use app::{App, Error, webhook_endpoints};
use domain::callers::Caller;
use domain::ids::WebhookEndpointId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path(
        "webhook_endpoint_id",
        "webhook endpoint",
        WebhookEndpointId::parse,
    )?;

    webhook_endpoints::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
