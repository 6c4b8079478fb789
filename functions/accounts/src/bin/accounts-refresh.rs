//! POST /auth/refresh
//! Exchanges a refresh token for a new pair of tokens.

use api::accounts::SignedIn;
use api::sessions::{REFRESH, Refresh};
use app::{App, Error, accounts, sessions};
use domain::callers::Everybody;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&REFRESH, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, Refresh>,
) -> Result<Reply<SignedIn>, Error> {
    let token = request.body()?.check()?;

    let signed_in = sessions::refresh(app, &token).await?;

    let is_admin = accounts::is_admin(app, &signed_in.user);
    Ok(Reply::ok(&SignedIn::new(
        &signed_in.user,
        is_admin,
        signed_in.tokens,
    )))
}
