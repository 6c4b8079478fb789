//! GET /teams/{team_id}/invitations
//! The unanswered invitations into a team, newest first.

use api::invitations::{InvitationView, LIST};
use api::list::{self, List};
use app::{App, Error, clock, invitations};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<InvitationView>>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let page = invitations::list(app, &request.caller, &id, cursor.as_deref(), limit).await?;

    let now = clock::now();
    let views = page.rows.iter().map(|it| InvitationView::new(it, now));
    Ok(Reply::ok(&List::new(views.collect(), page.next_cursor)))
}
