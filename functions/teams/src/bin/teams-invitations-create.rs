//! POST /teams/{team_id}/invitations
//! Invites somebody into a team.

use api::endpoint::Created;
use api::invitations::{CREATE, CreateInvitation, InvitationView};
use app::{App, Error, clock, invitations};
use domain::callers::Caller;
use domain::ids::TeamId;
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&CREATE, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller, CreateInvitation>,
) -> Result<Reply<Created<InvitationView>>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let (email, role) = request.body()?.check()?;

    let invitation = invitations::create(app, &request.caller, &id, &email, role).await?;

    Ok(Reply::created(&InvitationView::new(
        &invitation,
        clock::now(),
    )))
}
