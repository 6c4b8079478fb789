//! GET /models/{model}
//! One model: its price and its parameters.

use api::models::{GET, ModelView};
use app::{App, Error, models};
use domain::catalogue;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply<ModelView>, Error> {
    let model = request.path("model", "model", catalogue::find)?;

    let offer = models::get(app, model).await?;

    Ok(Reply::ok(&ModelView::from(&offer)))
}
