//! POST /me/webhook-secret
//! Gives the caller a new secret that signs the events for `webhook_url`s. It is shown only in this answer.

use api::webhook_endpoints::{MAKE_SECRET, WebhookSecretView};
use app::{App, Error, webhook_secrets};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&MAKE_SECRET, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person>,
) -> Result<Reply<WebhookSecretView>, Error> {
    let secret = webhook_secrets::make(app, &request.caller).await?;

    Ok(Reply::ok(&WebhookSecretView::new(secret)))
}
