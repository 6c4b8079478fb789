//! GET /projects
//! The caller's own projects, newest first.

use api::list::{self, List};
use api::projects::{LIST, ProjectView};
use app::{App, Error, projects};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<ProjectView>>, Error> {
    let (cursor, limit) = list::check_query(request.query())?;

    let page = projects::list(app, &request.caller, cursor.as_deref(), limit).await?;

    let views = page.rows.iter().map(ProjectView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
