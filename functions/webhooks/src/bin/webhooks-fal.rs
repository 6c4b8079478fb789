//! POST /webhooks/fal
//! The provider's callback. It needs a valid signature, a recent time and the secret in its address, or it
//! gets 401.

use api::endpoint::{Nothing, Signed};
use api::webhooks::FAL;
use app::{App, Error, webhooks};
use domain::callers::Everybody;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&FAL, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, Signed>,
) -> Result<Reply<Nothing>, Error> {
    let header = |name| request.header(name).unwrap_or_default().to_owned();
    let query = |name| request.query_value(name).unwrap_or_default();
    let callback = webhooks::Callback {
        headers: webhooks::SignedHeaders {
            request_id: header("x-fal-webhook-request-id"),
            user_id: header("x-fal-webhook-user-id"),
            timestamp: header("x-fal-webhook-timestamp"),
            signature: header("x-fal-webhook-signature"),
        },
        generation: GenerationId::parse(&query("generation")),
        token: query("token"),
        first_request_id: request.id_given("request"),
        body: request.bytes()?,
    };

    webhooks::fal(app, callback).await?;

    Ok(Reply::empty())
}
