//! GET /admin/audit
//! The audit log of an account, of a team, or of the platform, newest first.

use api::audit::{LIST, RecordView, check_query};
use api::list::List;
use app::{App, Error, audit};
use domain::callers::Admin;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin>,
) -> Result<Reply<List<RecordView>>, Error> {
    let (chain, cursor, limit) = check_query(request.query())?;

    let page = audit::records(app, &request.caller, &chain, cursor.as_deref(), limit).await?;

    let records = page.rows.iter().map(RecordView::from).collect();
    Ok(Reply::ok(&List::new(records, page.next_cursor)))
}
