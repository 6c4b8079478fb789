//! GET /generations/{generation_id}/media
//! What a generation delivered, with URLs that show it for a while.

use api::generations::{check_expiry, media_list};
use app::{App, generations};
use domain::access::Action;
use domain::accounts::Scope;
use domain::ids::GenerationId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Read)?;
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let expiry = check_expiry(request.query())?.unwrap_or(generations::MEDIA_EXPIRY_DEFAULT);

    let generation = generations::get(app, &caller, Action::View, &id).await?;
    let shown = generations::show(app, &caller, generation, expiry).await?;

    Ok(Reply::ok(&media_list(
        &shown.generation,
        &shown.urls,
        shown.expires_at,
    )))
}
