//! OPTIONS on every route but those of generations-preflight
//! What a page from another origin may send. The origin is named only if it is configured.

use app::App;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve_alone(handle)
}

async fn handle(_: &'static App, _: Request) -> Result<Reply, Failure> {
    Ok(Reply::preflight())
}
