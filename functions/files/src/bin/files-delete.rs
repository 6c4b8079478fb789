//! DELETE /files/{file_id}
//! Deletes a file. Generations that were made from it stay.

use api::endpoint::Nothing;
use api::files::DELETE;
use app::{App, Error, files};
use domain::callers::Caller;
use domain::ids::FileId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("file_id", "file", FileId::parse)?;

    files::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
