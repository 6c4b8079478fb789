//! POST /auth/login
//! Signs in. An unknown e-mail and a wrong password get the same answer.

use api::accounts::{LOGIN, Login, SignedIn};
use app::{App, Error, accounts};
use domain::callers::Everybody;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LOGIN, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, Login>,
) -> Result<Reply<SignedIn>, Error> {
    let credentials = request.body()?.check()?;

    let signed_in = accounts::login(
        app,
        &request.source(),
        &credentials.email,
        credentials.password,
    )
    .await?;

    let is_admin = accounts::is_admin(app, &signed_in.user);
    Ok(Reply::ok(&SignedIn::new(
        &signed_in.user,
        is_admin,
        signed_in.tokens,
    )))
}
