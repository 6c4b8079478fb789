//! GET /admin/users/{user_id}
//! A user, and their wallet.

use api::admin::accounts::{AccountDetails, GET_USER};
use app::{App, Error, accounts, admin};
use domain::callers::Admin;
use domain::ids::UserId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&GET_USER, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin>,
) -> Result<Reply<AccountDetails>, Error> {
    let id = request.path("user_id", "user", UserId::parse)?;

    let (user, wallet) = admin::user(app, &id).await?;

    let is_admin = accounts::is_admin(app, &user);
    Ok(Reply::ok(&AccountDetails::new(&user, is_admin, &wallet)))
}
