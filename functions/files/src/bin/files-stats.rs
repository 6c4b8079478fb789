//! GET /files/stats
//! The number and size of the caller's uploads, and their limits.

use api::files::{FileStatsView, STATS};
use app::{App, Error, files};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&STATS, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<FileStatsView>, Error> {
    let (usage, size_bytes_max) = files::usage(app, &request.caller).await?;

    Ok(Reply::ok(&FileStatsView::new(usage, size_bytes_max)))
}
