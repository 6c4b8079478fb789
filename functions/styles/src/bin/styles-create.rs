//! POST /styles
//! Makes a style.

use api::endpoint::Created;
use api::styles::{CREATE, CreateStyle, StyleView};
use app::{App, Error, styles};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateStyle>,
) -> Result<Reply<Created<StyleView>>, Error> {
    let (details, team) = request.body()?.check()?;

    let style = styles::create(app, &request.caller, details, team.as_ref()).await?;

    Ok(Reply::created(&StyleView::from(&style)))
}
