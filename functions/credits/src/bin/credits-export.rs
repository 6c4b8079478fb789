//! GET /credits/export
//! A month of the caller's ledger as a file.

use api::exports::{self as tables, EXPORT, ExportView};
use app::{App, Error, exports};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&EXPORT, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<ExportView>, Error> {
    let month = tables::check(request.query())?;

    let export = exports::own(app, &request.caller, month, tables::table).await?;

    let view = ExportView::new(month, export.rows, export.url, export.expires_at);
    Ok(Reply::ok(&view))
}
