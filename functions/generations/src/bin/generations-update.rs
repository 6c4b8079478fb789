//! PATCH /generations/{generation_id}
//! Changes the title and the tags of a generation.

use api::generations::{GenerationView, UpdateGeneration};
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
    let relabel = request.body::<UpdateGeneration>()?.check()?;

    let generation = generations::relabel(app, &caller, &id, &relabel).await?;
    let shown =
        generations::show(app, &caller, generation, generations::MEDIA_EXPIRY_DEFAULT).await?;

    Ok(Reply::ok(&GenerationView::new(
        &shown.generation,
        shown.shows_costs,
        &shown.urls,
        shown.expires_at,
        shown.now,
    )))
}
