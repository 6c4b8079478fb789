//! GET /admin/reconciliation
//! What the last run through everybody's books found.

use api::reconciliation::RunView;
use app::{App, reconciliation};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    request.admin()?;
    request.query().finish(())?;

    let run = reconciliation::last(app).await?;

    Ok(Reply::ok(&RunView::from(&run)))
}
