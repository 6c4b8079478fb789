//! GET /admin/users
//! The user with an e-mail.

use api::admin::accounts::{AccountView, LIST_USERS, check_query};
use api::list::List;
use app::{App, Error, accounts, admin};
use domain::callers::Admin;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&LIST_USERS, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Admin>,
) -> Result<Reply<List<AccountView>>, Error> {
    let email = check_query(request.query())?;

    let user = admin::user_with(app, &email).await?;

    let view = |user| AccountView::new(&user, accounts::is_admin(app, &user));
    Ok(Reply::ok(&List::new(
        user.map(view).into_iter().collect(),
        None,
    )))
}
