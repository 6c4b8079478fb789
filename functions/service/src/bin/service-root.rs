//! GET /
//! What this is, and where to go on.

use api::service::Root;
use app::App;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve_alone(handle)
}

async fn handle(_: &'static App, request: Request) -> Result<Reply, Failure> {
    Ok(Reply::ok(&Root::new(&request.base_url())))
}
