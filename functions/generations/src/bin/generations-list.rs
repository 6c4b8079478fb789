//! GET /generations
//! The caller's generations, or those of a team or in a project, newest first.

use api::generations::{GenerationView, LIST, ListQuery};
use api::list::List;
use app::generations::Wanted;
use app::{App, Error, generations};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<GenerationView>>, Error> {
    let query = ListQuery::check(request.query())?;
    let wanted = Wanted {
        project: query.project,
        team: query.team,
        shared_with: query.shared_with,
        filter: query.filter,
        cursor: query.cursor,
        limit: query.limit,
    };

    let page = generations::list(app, &request.caller, &wanted).await?;

    let shown = page.rows.iter();
    let views = shown.map(|it| GenerationView::new(it, request.base_url()));
    Ok(Reply::ok(&List::new(views.collect(), page.next_cursor)))
}
