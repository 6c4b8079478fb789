//! PATCH /admin/models/{model}
//! Changes what a model costs, or whether it is offered.

use api::models::{ChangeModel, ModelView};
use app::{App, models};
use domain::catalogue;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.admin()?;
    let model = request.path("model", "model", catalogue::find)?;
    let change = request.body::<ChangeModel>()?.check()?;

    let offer = models::change(app, &caller, model, change).await?;

    Ok(Reply::ok(&ModelView::from(&offer)))
}
