//! PUT /credits/alerts
//! Sets the thresholds at which the caller is warned about their own wallet.

use api::alerts::{AlertsView, SET, SetAlerts};
use app::{App, Error, alerts};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&SET, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, SetAlerts>,
) -> Result<Reply<AlertsView>, Error> {
    let watch = request.body()?.check()?;

    let watch = alerts::set_own(app, &request.caller, watch).await?;

    Ok(Reply::ok(&AlertsView::from(watch)))
}
