//! PATCH /admin/models/{model}
//! Changes the price of a model, or whether it is offered.

use api::models::{CHANGE, ChangeModel, ModelView};
use app::{App, Error, models};
use domain::callers::Admin;
use domain::catalogue;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CHANGE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin, ChangeModel>,
) -> Result<Reply<ModelView>, Error> {
    let model = request.path("model", "model", catalogue::find)?;
    let change = request.body()?.check()?;

    let offer = models::change(app, &request.caller, model, change).await?;

    Ok(Reply::ok(&ModelView::from(&offer)))
}
