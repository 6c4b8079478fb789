//! GET /credits/holds
//! The credits that are set aside for jobs in flight, newest first.

use api::credits::{HOLDS, HoldView};
use api::list::List;
use app::{App, Error, credits};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&HOLDS, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<HoldView>>, Error> {
    let (cursor, limit) = api::list::check_query(request.query())?;

    let page = credits::holds(app, &request.caller, cursor.as_deref(), limit).await?;

    let holds = page.rows.iter().map(HoldView::from).collect();
    Ok(Reply::ok(&List::new(holds, page.next_cursor)))
}
