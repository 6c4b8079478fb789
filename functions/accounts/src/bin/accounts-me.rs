//! GET /me
//! The caller's own account.

use api::accounts::{GET_ME, Profile};
use app::{App, Error, accounts};
use domain::callers::Person;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET_ME, handle)
}

async fn handle(app: &'static App, request: Request<Person>) -> Result<Reply<Profile>, Error> {
    let user = accounts::me(app, &request.caller).await?;

    Ok(Reply::ok(&Profile::new(
        &user,
        accounts::is_admin(app, &user),
    )))
}
