//! GET /webhook-endpoints
//! The caller's webhook endpoints, or those of a team that they manage, newest first.

use api::list::List;
use api::webhook_endpoints::{LIST, WebhookEndpointView, check_query};
use app::pages::PageRequest;
use app::{App, Error, webhook_endpoints};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<WebhookEndpointView>>, Error> {
    let wanted = check_query(request.query())?;
    let page = PageRequest {
        cursor: wanted.cursor,
        limit: wanted.limit,
    };

    let page = webhook_endpoints::list(app, &request.caller, wanted.team.as_ref(), &page).await?;

    let views = page.rows.iter().map(WebhookEndpointView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
