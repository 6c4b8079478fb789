//! PATCH /styles/{style_id}
//! Changes a style.

use api::styles::{StyleView, UPDATE, UpdateStyle};
use app::{App, Error, styles};
use domain::callers::Caller;
use domain::ids::StyleId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UPDATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, UpdateStyle>,
) -> Result<Reply<StyleView>, Error> {
    let id = request.path("style_id", "style", StyleId::parse)?;
    let change = request.body()?.check()?;

    let style = styles::update(app, &request.caller, &id, &change).await?;

    Ok(Reply::ok(&StyleView::from(&style)))
}
