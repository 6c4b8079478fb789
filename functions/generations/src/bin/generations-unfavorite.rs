//! DELETE /generations/{generation_id}/favorite
//! Removes the mark of a favourite from a generation.

use api::endpoint::Nothing;
use api::generations::UNFAVORITE;
use app::{App, Error, generations};
use domain::callers::Caller;
use domain::generations::LabelChange;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UNFAVORITE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let relabel = LabelChange {
        favorite: Some(false),
        ..LabelChange::default()
    };

    generations::relabel(app, &request.caller, &id, &relabel).await?;

    Ok(Reply::empty())
}
