//! GET /teams
//! The teams that the caller is in, newest first.

use api::list::{self, List};
use api::teams::{LIST, TeamView};
use app::{App, Error, teams};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<TeamView>>, Error> {
    let (cursor, limit) = list::check_query(request.query())?;

    let page = teams::list(app, &request.caller, cursor.as_deref(), limit).await?;

    let views = page
        .rows
        .iter()
        .map(|seen| TeamView::new(&seen.team, &seen.by));
    Ok(Reply::ok(&List::new(views.collect(), page.next_cursor)))
}
