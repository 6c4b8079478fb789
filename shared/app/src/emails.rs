//! Verifying e-mail addresses: the user shows that an address is theirs.
//!
//! A worker writes the letter. Signing up neither waits for it nor fails with it, and a letter that SES
//! does not accept is tried again.

use std::time::Duration;

use auth::passwords::Password;
use aws::Fault;
use domain::accounts::{MailedToken, TokenPurpose, User};
use domain::attempts::{Attempt, Source};
use domain::audit::{AuditAction, AuditEvent};
use domain::callers::Caller;
use domain::ids::UserId;
use domain::{FieldCode, Refusal};
use queue::SendMail;
use store::{EndedBy, Erased};

use crate::mailed_tokens::{mailed_token, not_valid, send_token};
use crate::{App, Error, attempts, audit, bonuses, clock, erasure, passwords};

/// The time that signing up waits for the mail queue. The user can ask for the letter again.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// The most attempts to decline an account while its maker begins other eras.
const DECLINE_ATTEMPTS_MAX: u32 = 10;
/// The answer to a person who declines an account with a running job.
const STILL_RUNS: &str = "a job of this account still runs; nobody can sign in to it any more. Send this again when the \
                          job is over, and the account is removed";

/// A person's claim that a mailbox is theirs.
pub struct Claim {
    /// The token that was mailed there, as the client sent it.
    pub token: String,
    /// Another password for the account.
    pub password: Option<Password>,
}

/// Asks for the letter that lets a new user verify their e-mail. The account exists whether or not this
/// works.
pub(crate) async fn welcome(app: &App, user: &User) {
    let sent = tokio::time::timeout(QUEUE_TIMEOUT, ask_for_letter(app, &user.id)).await;
    let problem = match sent {
        Ok(Ok(())) => return,
        Ok(Err(fault)) => fault.chain(),
        Err(_) => "the mail queue did not answer in time".to_owned(),
    };
    tracing::error!(user = %user.id, problem, "a new user must ask for their verification letter");
}

async fn ask_for_letter(app: &App, user: &UserId) -> Result<(), Fault> {
    let user_id = user.clone();
    app.queue()
        .send_mail(&SendMail::VerifyEmail { user_id })
        .await
}

/// Asks for the letter once more.
///
/// # Errors
/// [`Refusal::Conflict`] if the e-mail is verified, [`Refusal::RateLimited`] if the caller asks too often.
pub async fn resend(app: &App, caller: &Caller) -> Result<(), Error> {
    let user = app.store().user(&caller.user).await?;
    let user = user.ok_or(Refusal::Unauthorized)?;
    if user.email_verified {
        let verified = "your e-mail address is verified";
        return Err(Refusal::Conflict(verified.to_owned()).into());
    }
    attempts::count(app, Attempt::VerifyAgain(&user.id)).await?;
    Ok(ask_for_letter(app, &user.id).await?)
}

/// Verifies a user's e-mail with a token that was mailed there. The token proves control of the mailbox and
/// nothing else: a stranger may have made the account, with their own password. So it counts only together
/// with a living session of the same account, or with a new password, which ends every session and API key.
///
/// # Errors
/// [`Refusal::Invalid`] if the token is malformed, was used, or has expired, or if a password is needed.
pub async fn verify(
    app: &App,
    caller: Option<&Caller>,
    source: &Source,
    claim: Claim,
) -> Result<(), Error> {
    let token = mailed_token(app, TokenPurpose::VerifyEmail, &claim.token).await?;
    let is_own = caller.is_some_and(|caller| caller.user == token.user);
    match claim.password {
        Some(password) => passwords::set_anew(app, source, &token, password).await,
        None if is_own => verify_own(app, &token).await,
        None => {
            let message = "must be given unless you are signed in to this account: a new one, which ends every \
                           session and API key";
            Err(Refusal::field("password", FieldCode::Required, message).into())
        }
    }
}

async fn verify_own(app: &App, token: &MailedToken) -> Result<(), Error> {
    let user = app.store().user(&token.user).await?;
    let user = user.ok_or_else(not_valid)?;
    let bonus = bonuses::due_at_verification(app, &user, clock::now());
    let deed = AuditEvent::own(&token.user, AuditAction::EmailVerified, token.user.as_str());
    let verified = audit::recorded(app, &deed, None, |record| {
        app.store()
            .verify_email(&user, token, bonus.as_ref(), record)
    });
    if !verified.await? {
        return Err(not_valid().into());
    }
    bonuses::book_now(app, bonus.as_ref()).await;
    Ok(())
}

/// Removes an account that somebody else made for this mailbox, on the evidence of a token that was mailed
/// there. Only its owner can delete an account that was ever verified.
///
/// # Errors
/// [`Refusal::Invalid`] if the token is malformed, was used, or has expired;
/// [`Refusal::Conflict`] if a job of the account runs: nobody can sign in to it any more, and the same
/// token removes it when the job is over.
pub async fn decline(app: &App, token: &str) -> Result<(), Error> {
    let token = mailed_token(app, TokenPurpose::VerifyEmail, token).await?;
    let mut era = None;
    for _ in 0..DECLINE_ATTEMPTS_MAX {
        let user = app.store().user(&token.user).await?;
        // The era is the one that was refused before: the token was used, or the account verified.
        let user = user
            .filter(|user| !user.email_verified && era != Some(user.era))
            .ok_or_else(not_valid)?;
        match erasure::end(app, &user, EndedBy::Mailbox(&token)).await? {
            Erased::Done => return Ok(()),
            Erased::JobRuns if passwords::shut_out(app, &user).await? => {
                return Err(Refusal::Conflict(STILL_RUNS.to_owned()).into());
            }
            // An account that was never verified owns no team.
            Erased::Gone | Erased::JobRuns | Erased::OwnsTeam => era = Some(user.era),
        }
    }
    Err(Refusal::Busy.into())
}

/// Sends the verification letter to a user, unless the reason for it is gone. The worker calls it.
///
/// # Errors
/// A fault if the letter was not sent.
pub async fn write_verification(app: &App, user: &UserId) -> Result<(), Error> {
    let user = app.store().user(user).await?;
    match user.filter(|user| !user.email_verified && !user.suspended) {
        Some(user) => send_token(app, &user, TokenPurpose::VerifyEmail).await,
        None => Ok(()),
    }
}
