//! GET /credits
//! What the caller can spend.

use api::credits::Balance;
use app::{App, credits};
use domain::accounts::Scope;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.caller(Scope::Read)?;

    let wallet = credits::balance(app, &caller).await?;

    Ok(Reply::ok(&Balance::from(&wallet)))
}
