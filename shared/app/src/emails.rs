//! Showing that an e-mail address is one's own.
//!
//! The letter is written by a worker: signing up neither waits for it nor fails with it, and what SES does not take is
//! tried again.

use std::time::Duration;

use auth::opaque::MailedSecret;
use aws::Fault;
use domain::accounts::{Caller, MailedToken, Purpose, User};
use domain::attempts::Attempt;
use domain::audit::{Act, Deed};
use domain::ids::UserId;
use domain::{FieldCode, Refusal};
use mail::Letter;
use queue::SendMail;

use crate::{App, Error, attempts, audit, clock};

/// How long signing up waits for the mail queue, whose letter can be asked for again.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(2);

/// Has the letter written that lets a new user verify their e-mail. The account is there whether or not this works.
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
    let user_id = user.to_string();
    app.queue()
        .send_mail(&SendMail::VerifyEmail { user_id })
        .await
}

/// Has the letter written once more.
///
/// # Errors
/// [`Refusal::Conflict`] if their e-mail is verified, [`Refusal::RateLimited`] if they ask too often.
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

/// Notes that an e-mail is its user's, as a token shows that was mailed there.
///
/// # Errors
/// [`Refusal::Invalid`] if the token is none, was used, or has expired.
pub async fn verify(app: &App, token: &str) -> Result<(), Error> {
    let token = mailed_token(app, Purpose::VerifyEmail, token).await?;
    let deed = Deed::own(&token.user, Act::EmailVerified, token.user.as_str());
    let verified = audit::recorded(app, &deed, None, |record| {
        app.store().verify_email(&token, record)
    });
    if verified.await? {
        Ok(())
    } else {
        Err(not_valid().into())
    }
}

/// The worker's part: writes to a user, unless there is no reason any more.
///
/// # Errors
/// A fault if the letter was not sent.
pub async fn write_verification(app: &App, user: &UserId) -> Result<(), Error> {
    let user = app.store().user(user).await?;
    match user.filter(|user| !user.email_verified && !user.suspended) {
        Some(user) => send_token(app, &user, Purpose::VerifyEmail).await,
        None => Ok(()),
    }
}

/// Makes a token and mails it. A delivery that comes twice mails two tokens, of which either works.
pub(crate) async fn send_token(app: &App, user: &User, purpose: Purpose) -> Result<(), Error> {
    let (store, now) = (app.store(), clock::now());
    let counted = Attempt::MailTo(&user.email);
    match attempts::count(app, counted).await {
        Err(Error::Refused(Refusal::RateLimited { .. })) => {
            tracing::warn!(user = %user.id, "too many letters to one address; this one is not sent");
            return Ok(());
        }
        other => other?,
    }
    let secret = MailedSecret::generate().map_err(Fault::doing("making a token to mail"))?;
    let token = MailedToken {
        purpose,
        digest: secret.digest(),
        user: user.id.clone(),
        era: user.era,
        expires_at: now.plus(purpose.lifetime()),
    };
    store.put_mailed_token(&token).await?;
    let secret = secret.reveal();
    let letter = match purpose {
        Purpose::VerifyEmail => Letter::VerifyEmail { token: &secret },
        Purpose::ResetPassword => Letter::ResetPassword { token: &secret },
    };
    let sent = app.mail().send(&user.email, letter).await;
    if sent.is_err() {
        attempts::take_back(app, counted).await?;
    }
    Ok(sent?)
}

/// The token that somebody got by mail for `purpose`, if it can be used.
///
/// # Errors
/// [`Refusal::Invalid`] if it cannot.
pub(crate) async fn mailed_token(
    app: &App,
    purpose: Purpose,
    text: &str,
) -> Result<MailedToken, Error> {
    let secret = MailedSecret::parse(text).ok_or_else(not_valid)?;
    let found = app
        .store()
        .mailed_token(purpose, &secret.digest(), clock::now())
        .await?;
    Ok(found.ok_or_else(not_valid)?)
}

/// What is said of a token that does not work, whatever the reason.
pub(crate) fn not_valid() -> Refusal {
    let message = "is not valid, was used before, or has expired; ask for another";
    Refusal::field("token", FieldCode::NotAllowed, message)
}
