//! GET /teams/{team_id}/activity
//! The events in a team, newest first.

use api::audit::RecordView;
use api::list::{self, List};
use api::teams::{ACTIVITY, records};
use app::{App, Error, teams};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&ACTIVITY, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<RecordView>>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let (cursor, limit) = list::check_query(request.query())?;

    let page = teams::activity(app, &request.caller, &id, cursor.as_deref(), limit).await?;

    Ok(Reply::ok(&List::new(records(&page.rows), page.next_cursor)))
}
