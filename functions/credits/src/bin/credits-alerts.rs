//! GET /credits/alerts
//! The thresholds at which the caller is warned about their own wallet.

use api::alerts::{AlertsView, GET};
use app::{App, Error, alerts};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<AlertsView>, Error> {
    let watch = alerts::own(app, &request.caller).await?;

    Ok(Reply::ok(&AlertsView::from(watch)))
}
