//! POST /auth/password-reset/confirm
//! Sets another password, as the mailed token allows, and ends every session.

use ::http::StatusCode;
use api::passwords::ResetPassword;
use app::{App, passwords};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let reset = request.body::<ResetPassword>()?.check()?;

    passwords::reset(app, &request.source(), &reset.token, reset.password).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
