//! GET /
//! What this is, and where to go on.

use api::service::{ROOT, Root};
use app::App;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve_alone(&ROOT, handle)
}

async fn handle(_: &'static App, request: Request) -> Result<Reply<Root>, Failure> {
    Ok(Reply::ok(&Root::new(&request.base_url())))
}
