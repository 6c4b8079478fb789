//! GET /generations/{generation_id}/collaborations
//! The teams that a generation is shared with.

use api::generations::{COLLABORATIONS, CollaborationView};
use api::list::{self, List};
use app::generations::{self, SeenShare};
use app::pages::{self, PageRequest};
use app::{App, Error};
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&COLLABORATIONS, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<CollaborationView>>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let shares = generations::collaborations(app, &request.caller, &id).await?;

    let view = |seen: &SeenShare| CollaborationView::new(&seen.share, seen.shows_contributor);
    let views = shares.iter().map(view).collect();
    let binding = format!("{}/generations/{id}/collaborations", request.caller.user);
    let page = pages::numbered(views, &binding, &PageRequest { cursor, limit })?;
    Ok(Reply::ok(&List::new(page.rows, page.next_cursor)))
}
