//! GET /admin/users
//! The user with an e-mail.

use api::admin::accounts::{AccountView, LIST_USERS, check_query};
use api::list::List;
use app::pages::PageRequest;
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
    let (email, cursor, limit) = check_query(request.query())?;
    let wanted = PageRequest { cursor, limit };

    let page = admin::users_with(app, &request.caller, &email, &wanted).await?;

    let view = |user| AccountView::new(user, accounts::is_admin(app, user));
    let users = page.rows.iter().map(view).collect();
    Ok(Reply::ok(&List::new(users, page.next_cursor)))
}
