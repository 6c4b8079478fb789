//! DELETE /generations/{generation_id}
//! Deletes a generation that has come to rest, and its media.

use api::endpoint::Nothing;
use api::generations::DELETE;
use app::{App, Error, generations};
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;

    generations::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
