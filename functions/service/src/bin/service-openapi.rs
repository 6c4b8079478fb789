//! GET /openapi.json
//! The OpenAPI document.

use ::http::header;
use api::endpoint::{Either, Empty, Text};
use api::openapi;
use api::service::OPENAPI;
use app::{App, Error};
use entry::http::{self, Reply, Request};

/// The time that the document may be cached. It changes only when this is deployed, and its ETag tells the
/// versions apart.
const KEPT: &str = "public, max-age=300";

fn main() -> entry::Exit {
    http::serve_alone(&OPENAPI, handle)
}

async fn handle(
    _: &'static App,
    request: Request,
) -> Result<Reply<Either<Text, Empty<304>>>, Error> {
    let document = openapi::served(request.base_url());
    let reply = if request.header("if-none-match") == Some(document.etag.as_str()) {
        Reply::second(Reply::empty())
    } else {
        Reply::first(Reply::text("application/json", &document.text))
    };
    Ok(reply
        .header(header::ETAG, &document.etag)
        .header(header::CACHE_CONTROL, KEPT))
}
