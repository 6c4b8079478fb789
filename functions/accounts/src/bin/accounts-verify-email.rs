//! POST /auth/verify-email
//! Notes that an e-mail address belongs to its user, as the mailed token shows.

use api::emails::{VERIFY, VerifyEmail};
use api::endpoint::Nothing;
use app::{App, Error, accounts, emails};
use domain::callers::Everybody;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&VERIFY, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, VerifyEmail>,
) -> Result<Reply<Nothing>, Error> {
    let caller = accounts::signed_in_caller(app, request.header("authorization")).await?;
    let checked = request.body()?.check()?;

    let claim = emails::Claim {
        token: checked.token,
        password: checked.password,
    };
    emails::verify(app, caller.as_ref(), &request.source(), claim).await?;

    Ok(Reply::empty())
}
