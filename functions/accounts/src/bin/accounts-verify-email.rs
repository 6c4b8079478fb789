//! POST /auth/verify-email
//! Notes that an e-mail address is its user's, as the mailed token shows.

use ::http::StatusCode;
use api::emails::VerifyEmail;
use app::{App, emails};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let token = request.body::<VerifyEmail>()?.check()?;

    emails::verify(app, &token).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
