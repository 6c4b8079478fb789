//! DELETE /teams/{team_id}/invitations/{invitation_id}
//! Cancels an invitation.

use api::endpoint::Nothing;
use api::invitations::CANCEL;
use app::{App, Error, invitations};
use domain::callers::Caller;
use domain::ids::{InvitationId, TeamId};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve(&CANCEL, handle)
}

async fn handle(app: &'static App, request: Request<Caller>) -> Result<Reply<Nothing>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let invitation = request.path("invitation_id", "invitation", InvitationId::parse)?;

    invitations::cancel(app, &request.caller, &id, &invitation).await?;

    Ok(Reply::empty())
}
