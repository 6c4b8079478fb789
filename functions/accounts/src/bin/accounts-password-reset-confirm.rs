//! POST /auth/password-reset/confirm
//! Sets another password, as the mailed token allows, and ends every session.

use api::endpoint::Nothing;
use api::passwords::{RESET, ResetPassword};
use app::{App, Error, passwords};
use domain::callers::Everybody;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&RESET, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, ResetPassword>,
) -> Result<Reply<Nothing>, Error> {
    let reset = request.body()?.check()?;

    passwords::reset(app, &request.source(), &reset.token, reset.password).await?;

    Ok(Reply::empty())
}
