//! GET /generations/{generation_id}/provenance
//! The ancestors of a generation, the nearest first.

use api::generations::{AncestorView, PROVENANCE};
use api::list::{self, List};
use app::generations::Ancestor;
use app::pages::PageRequest;
use app::{App, Error, generations};
use domain::callers::Caller;
use domain::ids::GenerationId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&PROVENANCE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<AncestorView>>, Error> {
    let id = request.path("generation_id", "generation", GenerationId::parse)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let wanted = PageRequest { cursor, limit };
    let page = generations::provenance(app, &request.caller, &id, &wanted).await?;

    let view = |ancestor: &Ancestor| match ancestor {
        Ancestor::Seen {
            generation,
            shows_author,
        } => AncestorView::seen(generation, *shows_author),
        Ancestor::Hidden(id) => AncestorView::hidden(id),
    };
    let views = page.rows.iter().map(view).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
