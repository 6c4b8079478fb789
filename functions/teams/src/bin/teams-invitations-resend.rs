//! POST /teams/{team_id}/invitations/{invitation_id}/resend
//! Sends an invitation again.

use api::endpoint::Accepted;
use api::invitations::{InvitationView, RESEND};
use app::{App, Error, clock, invitations};
use domain::callers::Caller;
use domain::ids::{InvitationId, TeamId};
use entry::http::{self, Reply, Request};

fn main() -> entry::Exit {
    http::serve_sending(&RESEND, handle)
}

async fn handle(
    app: &'static App,
    request: Request<Caller>,
) -> Result<Reply<Accepted<InvitationView>>, Error> {
    let id = request.path("team_id", "team", TeamId::parse)?;
    let invitation = request.path("invitation_id", "invitation", InvitationId::parse)?;

    let sent = invitations::resend(app, &request.caller, &id, &invitation).await?;

    Ok(Reply::accepted(&InvitationView::new(&sent, clock::now())))
}
