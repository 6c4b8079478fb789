//! POST /generations/{generation_id}/collaborations
//! Shares a generation with a team.

use api::endpoint::Created;
use api::generations::{CollaborationView, SHARE, ShareGeneration};
use app::{App, Error, generations};
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&SHARE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, ShareGeneration>,
) -> Result<Reply<Created<CollaborationView>>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let proposal = request.body()?.check()?;

    let share = generations::share(app, &request.caller, &id, &proposal).await?;

    Ok(Reply::created(&CollaborationView::new(&share, true)))
}
