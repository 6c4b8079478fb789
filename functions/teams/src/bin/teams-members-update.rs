//! PATCH /teams/{team_id}/members/{user_id}
//! Changes a member's role or cap.

use api::members::{MemberView, UPDATE, UpdateMember};
use app::{App, Error, members};
use domain::callers::Caller;
use domain::ids::{TeamId, UserId};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&UPDATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, UpdateMember>,
) -> Result<Reply<MemberView>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let user = request.path("user_id", "member", UserId::parse)?;
    let change = request.body()?.check()?;

    let (it, role) = members::update(app, &request.caller, &id, &user, &change).await?;

    let view = MemberView::new(&it.membership, it.user.as_ref(), it.committed, role);
    Ok(Reply::ok(&view))
}
