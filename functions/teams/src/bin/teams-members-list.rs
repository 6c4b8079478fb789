//! GET /teams/{team_id}/members
//! The members of a team, the latest to join first.

use api::list::{self, List};
use api::members::{LIST, MemberView};
use app::members::{self, Member};
use app::{App, Error};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<MemberView>>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let (page, role) = members::list(app, &request.caller, &id, cursor.as_deref(), limit).await?;

    let view = |it: &Member| MemberView::new(&it.membership, it.user.as_ref(), it.committed, role);
    let views = page.rows.iter().map(view).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
