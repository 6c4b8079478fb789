//! GET /styles/{style_id}
//! One style: the caller's own, a team's, or a preset.

use api::styles::{GET, StyleView};
use app::{App, Error, styles};
use domain::callers::Caller;
use domain::ids::StyleId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<StyleView>, Error> {
    let id = request.path("style_id", "style", StyleId::parse)?;

    let style = styles::get(app, &request.caller, &id).await?;

    Ok(Reply::ok(&StyleView::from(&style)))
}
