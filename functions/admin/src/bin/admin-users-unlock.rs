//! POST /admin/users/{user_id}/unlock
//! Clears the failed sign-ins that lock an account.

use api::admin::accounts::UNLOCK_USER;
use api::endpoint::Nothing;
use app::{App, Error, admin};
use domain::callers::Admin;
use domain::ids::UserId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UNLOCK_USER, handle)
}

async fn handle(app: &'static App, request: Request<Admin>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("user_id", "user", UserId::parse)?;

    admin::unlock(app, &request.caller, &id).await?;

    Ok(Reply::empty())
}
