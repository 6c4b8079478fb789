//! The mail worker
//! Writes letters, and sends them.

use app::{App, Error, alerts, emails, invitations, passwords, webhook_endpoints};
use entry::sqs::{self, Delivery, Disposition};
use queue::SendMail;

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<SendMail>) -> Result<Disposition, Error> {
    match delivery.message {
        SendMail::VerifyEmail { user_id } => {
            emails::write_verification(app, &user_id).await?;
        }
        SendMail::Invitation {
            team_id,
            invitation_id,
            version,
        } => {
            invitations::write_letter(app, &team_id, &invitation_id, version).await?;
        }
        SendMail::Alert { note } => {
            alerts::write_letter(app, &note).await?;
        }
        SendMail::WebhookDisabled { endpoint_id } => {
            webhook_endpoints::write_letter(app, &endpoint_id).await?;
        }
        SendMail::ResetPassword { email } => {
            passwords::write_reset(app, &email).await?;
        }
    }

    Ok(Disposition::Done)
}
