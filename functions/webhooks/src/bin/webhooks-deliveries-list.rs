//! GET /webhook-endpoints/{webhook_endpoint_id}/deliveries
//! The deliveries to a webhook endpoint, newest first.

use api::list::{self, List};
use api::webhook_deliveries::{DeliveryView, LIST};
use app::{App, Error, webhook_deliveries};
use domain::callers::Caller;
use domain::ids::WebhookEndpointId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<List<DeliveryView>>, Error> {
    let id = request.path(
        "webhook_endpoint_id",
        "webhook endpoint",
        WebhookEndpointId::parse,
    )?;
    let (cursor, limit) = list::check_query(request.query())?;

    let page =
        webhook_deliveries::list(app, &request.caller, &id, cursor.as_deref(), limit).await?;

    let views = page.rows.iter().map(DeliveryView::from).collect();
    Ok(Reply::ok(&List::new(views, page.next_cursor)))
}
