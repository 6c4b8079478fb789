//! POST /generations/{model}, one route for each model
//! Sets the price aside, records the job, and hands it to the workers.

use ::http::{StatusCode, header};
use api::generations::{CreateGeneration, GenerationView};
use app::{App, generations};
use domain::Refusal;
use domain::accounts::Scope;
use domain::catalogue;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let key = request.idempotency_key()?;
    let model = catalogue::find(request.last_segment()).ok_or(Refusal::NotFound("model"))?;
    let draft = request.body::<CreateGeneration>()?.check(model)?;

    let submitted = generations::submit(app, &caller, draft, key.as_ref(), request.wait()).await?;

    let shown = &submitted.shown;
    let view = GenerationView::new(
        &shown.generation,
        shown.shows_costs,
        &shown.urls,
        shown.expires_at,
        shown.now,
    );
    let status = StatusCode::from_u16(submitted.status).unwrap_or(StatusCode::ACCEPTED);
    let reply = Reply::json(status, &view)
        .header(header::LOCATION, &format!("/v1/generations/{}", view.id));
    Ok(reply.replayed(submitted.replayed))
}
