//! GET /models
//! The whole catalogue.

use api::list::List;
use api::models::ModelView;
use app::App;
use domain::catalogue;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(_: &'static App, request: Request) -> Result<Reply, Failure> {
    let kind = api::models::check_query(request.query())?;

    let models = catalogue::models()
        .iter()
        .filter(|model| kind.is_none_or(|kind| model.kind == kind));

    Ok(Reply::ok(&List::new(
        models.map(ModelView::from).collect(),
        None,
    )))
}
