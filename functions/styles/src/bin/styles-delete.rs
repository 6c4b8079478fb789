//! DELETE /styles/{style_id}
//! Deletes a style.

use api::endpoint::Nothing;
use api::styles::DELETE;
use app::{App, Error, styles};
use domain::callers::Caller;
use domain::ids::StyleId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DELETE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("style_id", "style", StyleId::parse)?;

    styles::delete(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
