//! GET /generations
//! The caller's generations, newest first.

use api::generations::{GenerationView, ListQuery};
use api::list::List;
use app::{App, generations};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Read)?;
    let ListQuery {
        filter,
        cursor,
        limit,
    } = ListQuery::check(request.query())?;

    let page = generations::list(app, &caller, &filter, cursor.as_deref(), limit).await?;

    let views = page
        .shown
        .iter()
        .map(|shown| {
            GenerationView::new(&shown.generation, &shown.urls, shown.expires_at, shown.now)
        })
        .collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
