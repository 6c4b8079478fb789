//! POST /auth/verify-email/decline
//! Removes an account that was never verified, for the owner of its mailbox.

use api::emails::{DECLINE, DeclineEmail};
use api::endpoint::Nothing;
use app::{App, Error, emails};
use domain::callers::Everybody;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&DECLINE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, DeclineEmail>,
) -> Result<Reply<Nothing>, Error> {
    let token = request.body()?.check()?;

    emails::decline(app, &token).await?;

    Ok(Reply::empty())
}
