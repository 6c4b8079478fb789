//! PATCH /me
//! Changes what the caller says of themselves.

use api::accounts::{Profile, UpdateProfile};
use app::{App, accounts};
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let (caller, _) = request.person()?;
    let change = request.body::<UpdateProfile>()?.check()?;

    let user = accounts::change_profile(app, &caller, &change).await?;

    Ok(Reply::ok(&Profile::new(
        &user,
        accounts::is_admin(app, &user),
    )))
}
