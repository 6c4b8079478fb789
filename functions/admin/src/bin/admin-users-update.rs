//! PATCH /admin/users/{user_id}
//! Changes a user's plan, or suspends them.

use api::admin::accounts::{AccountView, CHANGE_USER, ChangeAccount};
use app::{App, Error, accounts, admin};
use domain::callers::Admin;
use domain::ids::UserId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&CHANGE_USER, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin, ChangeAccount>,
) -> Result<Reply<AccountView>, Error> {
    let id = request.path("user_id", "user", UserId::parse)?;
    let change = request.body()?.check()?;

    let user = admin::change_account(app, &request.caller, &id, change).await?;

    let is_admin = accounts::is_admin(app, &user);
    Ok(Reply::ok(&AccountView::new(&user, is_admin)))
}
