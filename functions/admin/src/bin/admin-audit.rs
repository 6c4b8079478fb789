//! GET /admin/audit
//! The audit log of an account, or of the platform, newest first.

use api::audit::{RecordView, check_query};
use api::list::List;
use app::{App, audit};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.admin()?;
    let (chain, cursor, limit) = check_query(request.query())?;

    let page = audit::records(app, &caller, &chain, cursor.as_deref(), limit).await?;

    let records = page.records.iter().map(RecordView::from).collect();
    Ok(Reply::ok(&List::new(records, page.next_cursor)))
}
