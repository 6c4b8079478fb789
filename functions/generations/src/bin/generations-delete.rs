//! DELETE /generations/{generation_id}
//! Deletes a generation that has come to rest, and its media.

use ::http::StatusCode;
use app::{App, generations};
use domain::accounts::Scope;
use domain::ids::GenerationId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let id = request.path("generation_id", "generation", GenerationId::parse)?;

    generations::delete(app, &caller, &id).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
