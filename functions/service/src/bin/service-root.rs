//! GET /
//! The service's name and version, and links.

use api::service::{ROOT, Root};
use app::{App, Error};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_alone(&ROOT, handle)
}

async fn handle(_: &'static App, request: Request) -> Result<Reply<Root>, Error> {
    Ok(Reply::ok(&Root::new(request.base_url())))
}
