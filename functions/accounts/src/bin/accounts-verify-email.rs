//! POST /auth/verify-email
//! Notes that an e-mail address is its user's, as the mailed token shows.

use ::http::StatusCode;
use api::emails::VerifyEmail;
use app::{App, accounts, emails};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = accounts::signed_in_caller(app, request.header("authorization")).await?;
    let checked = request.body::<VerifyEmail>()?.check()?;

    let claim = emails::Claim {
        token: checked.token,
        password: checked.password,
    };
    emails::verify(app, caller.as_ref(), &request.source(), claim).await?;

    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
