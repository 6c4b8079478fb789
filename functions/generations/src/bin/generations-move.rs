//! POST /generations/{generation_id}/move
//! Moves a generation to another project, or out of its project.

use api::generations::{GenerationView, MOVE, MoveGeneration};
use app::{App, Error, generations};
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&MOVE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, MoveGeneration>,
) -> Result<Reply<GenerationView>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let project = request.body()?.check()?;

    let seen = generations::file_in(app, &request.caller, &id, project.as_ref()).await?;
    let expiry = generations::MEDIA_EXPIRY_DEFAULT;
    let shown = generations::show(app, &request.caller, seen, expiry).await?;

    Ok(Reply::ok(&GenerationView::new(&shown, request.base_url())))
}
