//! GET /models
//! The whole catalogue.

use api::list::List;
use api::models::ModelView;
use app::{App, models};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let kind = api::models::check_query(request.query())?;

    let offers = models::list(app, kind).await?;

    let views = offers.iter().map(ModelView::from).collect();
    Ok(Reply::ok(&List::new(views, None)))
}
