//! GET /generations/{generation_id}/media
//! The media of a generation, with URLs that work for a while.

use api::generations::{MEDIA, MediaView, check_media, outputs};
use api::list::List;
use app::pages::{self, PageRequest};
use app::{App, Error, generations};
use domain::access::Action;
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&MEDIA, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<MediaView>>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let asked = check_media(request.query())?;

    let expiry = asked.expiry.unwrap_or(generations::MEDIA_EXPIRY_DEFAULT);
    let seen = generations::get(app, &request.caller, Action::Download, &id).await?;
    let shown = generations::show(app, &request.caller, seen, expiry).await?;

    let (cursor, limit) = (asked.cursor, asked.limit);
    let views = outputs(&shown, request.base_url());
    let binding = format!("{}/media/{id}", request.caller.user);
    let page = pages::numbered(views, &binding, &PageRequest { cursor, limit })?;
    Ok(Reply::ok(&List::new(page.rows, page.next_cursor)))
}
