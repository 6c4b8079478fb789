//! GET /files/{file_id}/download
//! The address where one of the caller's files can be downloaded for a while.

use api::files::{DOWNLOAD, FileDownload};
use app::{App, Error, files};
use domain::callers::Caller;
use domain::ids::FileId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DOWNLOAD, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<FileDownload>, Error> {
    let id = request.path("file_id", "file", FileId::parse)?;

    let (url, expires_at) = files::download(app, &request.caller, &id).await?;

    Ok(Reply::ok(&FileDownload::new(url, expires_at)))
}
