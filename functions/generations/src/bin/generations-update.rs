//! PATCH /generations/{generation_id}
//! Changes the title and the tags of a generation.

use api::generations::{GenerationView, UPDATE, UpdateGeneration};
use app::{App, Error, generations};
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UPDATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, UpdateGeneration>,
) -> Result<Reply<GenerationView>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let change = request.body()?.check()?;

    let seen = generations::relabel(app, &request.caller, &id, &change).await?;
    let expiry = generations::MEDIA_EXPIRY_DEFAULT;
    let shown = generations::show(app, &request.caller, seen, expiry).await?;

    Ok(Reply::ok(&GenerationView::new(&shown, request.base_url())))
}
