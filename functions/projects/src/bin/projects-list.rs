//! GET /projects
//! The caller's own projects, newest first.

use api::list::{self, List};
use api::projects::ProjectView;
use app::{App, projects};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Read)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let page = projects::list(app, &caller, cursor.as_deref(), limit).await?;

    let views = page.projects.iter().map(ProjectView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
