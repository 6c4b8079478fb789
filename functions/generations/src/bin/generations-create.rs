//! POST /generations/{model}, one route for each model
//! Sets the price aside, records the job, and hands it to the workers.

use ::http::header;
use api::endpoint::{Accepted, Created, Either};
use api::generations::{CREATE, CreateGeneration, GenerationView};
use app::{App, Error, generations};
use domain::Refusal;
use domain::callers::Caller;
use domain::catalogue;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateGeneration>,
) -> Result<Reply<Either<Accepted<GenerationView>, Created<GenerationView>>>, Error> {
    let key = request.idempotency_key()?;
    let model = catalogue::find(request.last_segment()).ok_or(Refusal::NotFound("model"))?;
    let draft = request.body()?.check(model)?;

    let submitted =
        generations::submit(app, &request.caller, draft, key.as_ref(), request.wait()).await?;

    let view = GenerationView::new(&submitted.shown, request.base_url());
    let reply = match submitted.in_time {
        false => Reply::first(Reply::accepted(&view)),
        true => Reply::second(Reply::created(&view)),
    };
    Ok(reply
        .header(header::LOCATION, &format!("/v1/generations/{}", view.id))
        .replayed(submitted.replayed))
}
