//! GET /credits
//! The caller's wallet.

use api::credits::{BALANCE, Balance};
use app::{App, Error, credits};
use domain::callers::Caller;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&BALANCE, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Balance>, Error> {
    let wallet = credits::balance(app, &request.caller).await?;

    Ok(Reply::ok(&Balance::from(&wallet)))
}
