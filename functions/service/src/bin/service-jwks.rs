//! GET /.well-known/jwks.json
//! The public keys that verify access tokens.

use api::endpoint::Text;
use api::service::JWKS;
use app::{App, Error, accounts};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_alone(&JWKS, handle)
}

async fn handle(app: &'static App, _: Request) -> Result<Reply<Text>, Error> {
    let keys = accounts::public_keys(app);
    Ok(Reply::text("application/json", keys)
        .header(::http::header::CACHE_CONTROL, "public, max-age=300"))
}
