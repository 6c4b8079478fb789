//! GET /openapi.json
//! What every operation takes and answers.

use ::http::header;
use api::endpoint::{Either, Empty, Text};
use api::openapi;
use api::service::OPENAPI;
use app::{App, Error};
use entry::http::{self, Reply, Request};

/// How long it may be kept. It changes when this is deployed, and is then known by its ETag.
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
