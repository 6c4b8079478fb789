//! GET /projects/{project_id}/teams
//! The teams that a project is shared with.

use api::grants::{GrantView, LIST};
use api::list::{self, List};
use app::pages::{self, PageRequest};
use app::{App, Error, grants};
use domain::callers::Caller;
use domain::ids::{ProjectId, TeamId};
use domain::projects::AccessLevel;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<GrantView>>, Error> {
    let id = request.path("project_id", "project", ProjectId::parse)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let grants = grants::list(app, &request.caller, &id).await?;

    let view = |(team, level): &(TeamId, AccessLevel)| GrantView::new(&id, team, *level);
    let views = grants.iter().map(view).collect();
    let binding = format!("{}/projects/{id}/teams", request.caller.user);
    let page = pages::numbered(views, &binding, &PageRequest { cursor, limit })?;
    Ok(Reply::ok(&List::new(page.rows, page.next_cursor)))
}
