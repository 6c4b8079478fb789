//! GET /me
//! The caller's own account.

use api::accounts::Profile;
use app::{App, accounts};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, _) = request.person()?;

    let user = accounts::me(app, &caller).await?;

    Ok(Reply::ok(&Profile::new(
        &user,
        accounts::is_admin(app, &user),
    )))
}
