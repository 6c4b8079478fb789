//! POST /files/{file_id}/complete
//! Checks the uploaded bytes against the announcement.

use api::files::{COMPLETE, FileView};
use app::{App, Error, files};
use domain::callers::Caller;
use domain::ids::FileId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&COMPLETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<FileView>, Error> {
    let id = request.path("file_id", "file", FileId::parse)?;

    let file = files::complete(app, &request.caller, &id).await?;

    Ok(Reply::ok(&FileView::from(&file)))
}
