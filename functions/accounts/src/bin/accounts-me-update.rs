//! PATCH /me
//! Changes the caller's own profile.

use api::accounts::{Profile, UPDATE_ME, UpdateProfile};
use app::{App, Error, accounts};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UPDATE_ME, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Person, UpdateProfile>,
) -> Result<Reply<Profile>, Error> {
    let change = request.body()?.check()?;

    let user = accounts::change_profile(app, &request.caller, &change).await?;

    Ok(Reply::ok(&Profile::new(
        &user,
        accounts::is_admin(app, &user),
    )))
}
