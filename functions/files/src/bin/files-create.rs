//! POST /files
//! Announces an upload, and answers with the one request that S3 accepts for it.

use api::endpoint::Created;
use api::files::{CREATE, CreateFile, CreatedFile};
use app::{App, Error, files};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateFile>,
) -> Result<Reply<Created<CreatedFile>>, Error> {
    let announced = request.body()?.check()?;

    let created = files::create(app, &request.caller, announced).await?;

    Ok(Reply::created(&CreatedFile::new(
        &created.file,
        created.upload.url,
        created.upload.headers,
        created.expires_at,
    )))
}
