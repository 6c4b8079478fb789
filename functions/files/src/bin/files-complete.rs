//! POST /files/{file_id}/complete
//! Checks what was uploaded against what was announced.

use api::files::FileView;
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

    let file = files::complete(app, &caller, &id).await?;

    Ok(Reply::ok(&FileView::from(&file)))
}
