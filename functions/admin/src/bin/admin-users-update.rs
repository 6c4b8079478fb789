//! PATCH /admin/users/{user_id}
//! Changes a user's plan, or keeps them out.

use api::admin::{AccountView, ChangeAccount};
use app::{App, accounts, admin};
use domain::ids::UserId;
use entry::http::{self, Failure, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(handle)
}

async fn handle(app: &'static App, request: Request) -> Result<Reply, Failure> {
    let caller = request.admin()?;
    let id = request.path("user_id", "user", UserId::parse)?;
    let change = request.body::<ChangeAccount>()?.check()?;

    let user = admin::change_account(app, &caller, &id, change).await?;

    let is_admin = accounts::is_admin(app, &user);
    Ok(Reply::ok(&AccountView::new(&user, is_admin)))
}
