//! GET /models/{model}
//! One model: what it costs, what it takes.

use api::models::ModelView;
use app::App;
use domain::catalogue;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(_: &'static App, request: Request) -> Result<Reply, Failure> {
    let model = request.path("model", "model", catalogue::find)?;

    Ok(Reply::ok(&ModelView::from(model)))
}
