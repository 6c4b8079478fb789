//! GET /admin/reconciliation
//! The findings of the last run of reconciliation.

use api::reconciliation::{LAST, RunView};
use app::{App, Error, reconciliation};
use domain::callers::Admin;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LAST, handle)
}

async fn handle(app: &'static App, request: Request<Admin>) -> Result<Reply<RunView>, Error> {
    request.query().finish(())?;

    let run = reconciliation::last(app).await?;

    Ok(Reply::ok(&RunView::from(&run)))
}
