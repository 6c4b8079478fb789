//! POST /auth/register
//! Makes an account with its sign-up bonus, and signs it in.

use api::accounts::{Register, SignedIn};
use app::{App, accounts};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let newcomer = request.body::<Register>()?.check()?;

    let signed_in = accounts::register(
        app,
        &request.source(),
        newcomer.email,
        newcomer.password,
        newcomer.full_name,
    )
    .await?;

    let is_admin = accounts::is_admin(app, &signed_in.user);
    Ok(Reply::created(&SignedIn::new(
        &signed_in.user,
        is_admin,
        signed_in.tokens,
    )))
}
