//! GET /media/{generation_id}/{name}
//! Sends whoever follows an address of media on to where its bytes are for a while.

use ::http::header;
use api::endpoint::{Either, Empty};
use api::media::{GET, check};
use app::{App, Error, media};
use domain::generations::MediaName;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(
    app: &'static App,
    request: Request,
) -> Result<Reply<Either<Empty<302>, Empty<200>>>, Error> {
    let generation = request.path("generation_id", "media", GenerationId::parse)?;
    let name = request.path("name", "media", MediaName::parse)?;
    let asked = check(generation, name, request.query())?;

    let found = media::find(app, &asked.signed).await?;
    if request.is_head() {
        let size_bytes = found.output.size_bytes.to_string();
        let reply = Reply::empty()
            .header(header::CONTENT_TYPE, &found.output.content_type)
            .header(header::CONTENT_LENGTH, &size_bytes);
        return Ok(Reply::second(reply));
    }

    let url = found.stored_at(app, asked.is_saved).await?;
    Ok(Reply::first(Reply::empty().header(header::LOCATION, &url)))
}
