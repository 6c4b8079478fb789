//! DELETE /generations/{generation_id}
//! Deletes a generation that has come to rest, and its media.

use api::endpoint::Nothing;
use api::generations::DELETE;
use app::{App, generations};
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Failure> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;

    generations::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
