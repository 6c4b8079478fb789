//! POST /generations/{generation_id}/cancel
//! Cancels a generation, or asks the provider to cancel it.

use api::endpoint::{Accepted, Either};
use api::generations::{CANCEL, CancelView};
use app::generations::Canceled;
use app::{App, Error, generations};
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&CANCEL, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<Either<CancelView, Accepted<CancelView>>>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;

    let canceled = generations::cancel(app, &request.caller, &id).await?;

    Ok(match canceled {
        Canceled::Over => Reply::first(Reply::ok(&CancelView::over())),
        Canceled::Requested => Reply::second(Reply::accepted(&CancelView::requested())),
    })
}
