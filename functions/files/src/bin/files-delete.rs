//! DELETE /files/{file_id}
//! Deletes a file; what was generated from it stays.

use ::http::StatusCode;
use app::{App, files};
use domain::accounts::Scope;
use domain::ids::FileId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let id = request.path("file_id", "file", FileId::parse)?;

    files::delete(app, &caller, &id).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
