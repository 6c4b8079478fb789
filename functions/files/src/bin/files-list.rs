//! GET /files
//! The caller's files, newest first.

use api::files::{FileView, LIST};
use api::list::{self, List};
use app::{App, Error, files};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<FileView>>, Error> {
    let (cursor, limit) = list::check_query(request.query())?;

    let page = files::list(app, &request.caller, cursor.as_deref(), limit).await?;

    let views = page.rows.iter().map(FileView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
