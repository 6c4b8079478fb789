//! GET /media/{generation_id}/{name}
//! Redirects a request for a media address to the temporary address of the file's bytes.

use ::http::header;
use api::endpoint::Empty;
use api::media::{GET, check};
use app::media::MediaUse;
use app::{App, Error, media};
use domain::generations::MediaName;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply<Empty<302>>, Error> {
    let generation = request.path("generation_id", "media", GenerationId::parse)?;
    let name = request.path("name", "media", MediaName::parse)?;
    let asked = check(generation, name, request.query())?;
    let purpose = match asked.is_saved {
        _ if request.is_head() => MediaUse::Describe,
        true => MediaUse::Save,
        false if request.header("origin").is_some() => MediaUse::Read,
        false => MediaUse::Show,
    };

    let url = media::follow(app, &asked.signed, purpose).await?;

    Ok(Reply::empty().header(header::LOCATION, &url))
}
