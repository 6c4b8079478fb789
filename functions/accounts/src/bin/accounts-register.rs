//! POST /auth/register
//! Makes an account, and signs it in.

use api::accounts::{REGISTER, Register, SignedIn};
use api::endpoint::Created;
use app::accounts::{self, Newcomer};
use app::{App, Error};
use domain::callers::Everybody;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&REGISTER, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Everybody, Register>,
) -> Result<Reply<Created<SignedIn>>, Error> {
    let wanted = request.body()?.check()?;
    let newcomer = Newcomer {
        email: wanted.email,
        password: wanted.password,
        full_name: wanted.full_name,
        challenge: wanted.challenge,
    };

    let signed_in = accounts::register(app, &request.source(), newcomer).await?;

    let is_admin = accounts::is_admin(app, &signed_in.user);
    Ok(Reply::created(&SignedIn::new(
        &signed_in.user,
        is_admin,
        signed_in.tokens,
    )))
}
