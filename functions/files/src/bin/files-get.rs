//! GET /files/{file_id}
//! One of the caller's files.

use api::files::{FileView, GET};
use app::{App, Error, files};
use domain::callers::Caller;
use domain::ids::FileId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<FileView>, Error> {
    let id = request.path("file_id", "file", FileId::parse)?;

    let file = files::get(app, &request.caller, &id).await?;

    Ok(Reply::ok(&FileView::from(&file)))
}
