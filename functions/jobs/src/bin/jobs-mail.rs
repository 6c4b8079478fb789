//! The mail worker
//! Writes letters: makes the token, and sends it.

use app::{App, emails, passwords};
use domain::accounts::Email;
use domain::ids::UserId;
use entry::http::Failure;
use entry::sqs::{self, Delivery, Handled};
use queue::SendMail;

fn main() -> entry::Exit {
    sqs::serve(handle)
}

async fn handle(app: &'static App, delivery: Delivery<SendMail>) -> Result<Handled, Failure> {
    match delivery.message {
        SendMail::VerifyEmail { user_id } => {
            if let Some(user) = UserId::parse(&user_id) {
                emails::write_verification(app, &user).await?;
            }
        }
        SendMail::ResetPassword { email } => {
            if let Some(email) = Email::parse(&email) {
                passwords::write_reset(app, &email).await?;
            }
        }
    }

    Ok(Handled::Done)
}
