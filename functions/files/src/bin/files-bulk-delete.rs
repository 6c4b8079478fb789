//! POST /files/bulk-delete
//! Deletes several of the caller's files.

use api::files::{BULK_DELETE, DeleteFiles, FileDeletions};
use app::{App, Error, files};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&BULK_DELETE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, DeleteFiles>,
) -> Result<Reply<FileDeletions>, Error> {
    let ids = request.body()?.check()?;

    let done = files::delete_all(app, &request.caller, &ids).await?;

    let view = FileDeletions::new(&done.deleted, &done.not_found);
    Ok(Reply::ok(&view))
}
