//! PUT /generations/{generation_id}/favorite
//! Marks a generation as a favourite.

use ::http::StatusCode;
use app::{App, generations};
use domain::accounts::Scope;
use domain::generations::Relabel;
use domain::ids::GenerationId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Generate)?;
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let relabel = Relabel {
        title: None,
        tags: None,
        favorite: Some(true),
    };

    generations::relabel(app, &caller, &id, &relabel).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
