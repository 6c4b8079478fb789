//! POST /generations/{generation_id}/cancel
//! Cancels a generation, or has the provider asked to.

use ::http::StatusCode;
use api::generations::CancelView;
use app::generations::Canceled;
use app::{App, generations};
use domain::accounts::Scope;
use domain::ids::GenerationId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let id = request.path("generation_id", "generation", GenerationId::parse)?;

    let canceled = generations::cancel(app, &caller, &id).await?;

    Ok(match canceled {
        Canceled::Over => Reply::ok(&CancelView::over()),
        Canceled::Requested => Reply::json(StatusCode::ACCEPTED, &CancelView::requested()),
    })
}
