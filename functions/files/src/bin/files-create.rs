//! POST /files
//! Announces an upload, and answers the one request that S3 will take for it.

use api::files::{CreateFile, CreatedFile};
use app::{App, files};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let announced = request.body::<CreateFile>()?.check()?;

    let created = files::create(app, &caller, announced).await?;

    Ok(Reply::created(&CreatedFile::new(
        &created.file,
        created.upload.url,
        created.upload.headers,
        created.expires_at,
    )))
}
