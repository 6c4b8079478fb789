//! GET /openapi.json
//! What every operation takes and answers.

use ::http::{StatusCode, header};
use api::openapi;
use app::App;
use entry::http::{self, Failure, Reply, Request};

/// How long it may be kept. It changes when this is deployed, and is then known by its ETag.
const KEPT: &str = "public, max-age=300";

fn main() -> entry::Exit {
    http::serve_alone(handle)
}

async fn handle(_: &'static App, request: Request) -> Result<Reply, Failure> {
    let document = openapi::served(&request.base_url());
    let reply = if request.header("if-none-match") == Some(document.etag.as_str()) {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::text("application/json", &document.text)
    };
    Ok(reply
        .header(header::ETAG, &document.etag)
        .header(header::CACHE_CONTROL, KEPT))
}
