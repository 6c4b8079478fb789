//! GET /teams/{team_id}/credits/export
//! A month of a team's ledger as a file.

use api::exports::{self as tables, ExportView, TEAM_EXPORT};
use app::{App, Error, exports};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&TEAM_EXPORT, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<ExportView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let month = tables::check(request.query())?;

    let export = exports::of_team(app, &request.caller, &id, month, tables::table).await?;

    let view = ExportView::new(month, export.rows, export.url, export.expires_at);
    Ok(Reply::ok(&view))
}
