//! GET /generations/{generation_id}
//! One generation: its progress, or its results.

use api::generations::{GET, GenerationView, poll_after};
use app::{App, Error, generations};
use domain::access::Action;
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<GenerationView>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;

    let seen = generations::get(app, &request.caller, Action::View, &id).await?;
    let expiry = generations::MEDIA_EXPIRY_DEFAULT;
    let shown = generations::show(app, &request.caller, seen, expiry).await?;

    let poll_after = poll_after(&shown.generation, shown.now);
    let reply = Reply::ok(&GenerationView::new(&shown, request.base_url()));
    Ok(match poll_after {
        Some(after) => reply.retry_after(after),
        None => reply,
    })
}
