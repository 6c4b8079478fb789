//! GET /docs, GET /docs/{asset}
//! A page that shows the OpenAPI document and tries its operations. All of it is in this binary.

use ::http::header;
use api::docs;
use api::endpoint::Text;
use api::service::DOCS;
use app::{App, Error};
use domain::Refusal;
use entry::http::{self, Reply, Request};

/// The time that a file may be cached: its name stays the same when this is deployed.
const KEPT: &str = "public, max-age=3600";

fn main() -> entry::Exit {
    http::serve_alone(&DOCS, handle)
}

async fn handle(_: &'static App, request: Request) -> Result<Reply<Text>, Error> {
    let file = docs::file(request.last_segment());
    let (media_type, text) = file.ok_or(Refusal::NotFound("page"))?;
    Ok(Reply::text(media_type, text)
        .header(header::CACHE_CONTROL, KEPT)
        .header(header::CONTENT_SECURITY_POLICY, docs::POLICY)
        .header(header::REFERRER_POLICY, "no-referrer"))
}
