//! POST /webhook-endpoints
//! Makes a webhook endpoint. Its secret is shown only in this answer.

use api::endpoint::Created;
use api::webhook_endpoints::{CREATE, CreateWebhookEndpoint, WebhookEndpointView};
use app::{App, Error, webhook_endpoints};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateWebhookEndpoint>,
) -> Result<Reply<Created<WebhookEndpointView>>, Error> {
    let (details, team) = request.body()?.check()?;

    let made = webhook_endpoints::create(app, &request.caller, details, team.as_ref()).await?;

    let view = WebhookEndpointView::with_secret(&made.endpoint, made.secret);
    Ok(Reply::created(&view))
}
