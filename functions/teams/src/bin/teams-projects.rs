//! GET /teams/{team_id}/projects
//! The projects that are shared with a team, newest first.

use api::grants::OF_TEAM;
use api::list::{self, List};
use api::projects::ProjectView;
use app::{App, Error, grants};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&OF_TEAM, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<ProjectView>>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let page = grants::of_team(app, &request.caller, &id, cursor.as_deref(), limit).await?;

    let views = page.rows.iter().map(ProjectView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
