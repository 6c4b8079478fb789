//! Verifying e-mail addresses: the user shows that an address is theirs.
//!
//! A worker writes the letter. Signing up neither waits for it nor fails with it, and a letter that SES
//! does not accept is tried again.

use std::time::Duration;

use auth::opaque::MailedSecret;
use auth::passwords::Password;
use aws::Fault;
use domain::accounts::{Email, MailedToken, Purpose, User};
use domain::attempts::{Attempt, Source};
use domain::audit::{AuditAction, AuditEvent};
use domain::callers::Caller;
use domain::ids::UserId;
use domain::mailboxes::Mailbox;
use domain::{FieldCode, Refusal};
use mail::Letter;
use queue::SendMail;
use store::{EndedBy, Erased};

use crate::{App, Error, attempts, audit, bonuses, clock, erasure, metrics, passwords};

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
    let token = mailed_token(app, Purpose::VerifyEmail, &claim.token).await?;
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
    let token = mailed_token(app, Purpose::VerifyEmail, token).await?;
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
        Some(user) => send_token(app, &user, Purpose::VerifyEmail).await,
        None => Ok(()),
    }
}

/// Makes a token and mails it. If a message is delivered twice, two tokens are mailed, and either works.
pub(crate) async fn send_token(app: &App, user: &User, purpose: Purpose) -> Result<(), Error> {
    let (store, now) = (app.store(), clock::now());
    let mailbox = app.mailbox_key().await?.digest(&Mailbox::of(&user.email));
    let mailbox = mailbox.map_err(Fault::doing("knowing a mailbox again"))?;
    let strangers_max = app.config.letters_to_strangers_per_day;
    let counted = letters(user.email_verified, &mailbox, strangers_max);
    if !count(app, &counted).await? {
        return Ok(());
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
        take_back(app, &counted).await?;
    }
    Ok(sent?)
}

/// Sends a letter by calling `letter`, to an address that somebody else wrote down, unless too many letters
/// went to this address or to all such addresses.
///
/// # Errors
/// A fault if the letter was not sent.
pub(crate) async fn send_to_stranger(
    app: &App,
    email: &Email,
    letter: impl AsyncFnOnce() -> Result<(), Fault>,
) -> Result<(), Error> {
    let mailbox = app.mailbox_key().await?.digest(&Mailbox::of(email));
    let mailbox = mailbox.map_err(Fault::doing("knowing a mailbox again"))?;
    let counted = letters(false, &mailbox, app.config.letters_to_strangers_per_day);
    if !count(app, &counted).await? {
        return Ok(());
    }
    let sent = letter().await;
    if sent.is_err() {
        take_back(app, &counted).await?;
    }
    Ok(sent?)
}

/// Returns the limits that a letter counts against. Unverified addresses have limits of their own: anybody
/// can write them down.
fn letters(is_verified: bool, mailbox: &str, strangers_max: u32) -> Vec<Attempt<'_>> {
    let mut counted = vec![Attempt::MailTo(mailbox)];
    if !is_verified {
        counted.push(Attempt::MailToStranger(mailbox));
        counted.push(Attempt::MailToStrangers(strangers_max));
    }
    counted
}

/// Counts a letter. Returns `false` if there are too many, and then takes its counts back.
async fn count(app: &App, counted: &[Attempt<'_>]) -> Result<bool, Error> {
    for (n, attempt) in counted.iter().enumerate() {
        match attempts::count(app, *attempt).await {
            Err(Error::Refused(Refusal::RateLimited { .. })) => {
                take_back(app, &counted[..n]).await?;
                if matches!(attempt, Attempt::MailToStrangers(_)) {
                    metrics::gauge(app, "LettersRefused", 1);
                }
                tracing::warn!(?attempt, "too many letters; this one is not sent");
                return Ok(false);
            }
            other => other?,
        }
    }
    Ok(true)
}

async fn take_back(app: &App, counted: &[Attempt<'_>]) -> Result<(), Error> {
    for attempt in counted {
        attempts::take_back(app, *attempt).await?;
    }
    Ok(())
}

/// Returns the token that was mailed for `purpose`, if it can be used.
///
/// # Errors
/// [`Refusal::Invalid`] if it cannot be used.
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

/// Returns the refusal of a token that does not work. It is the same for every reason.
pub(crate) fn not_valid() -> Refusal {
    let message = "is not valid, was used before, or has expired; ask for another";
    Refusal::field("token", FieldCode::NotAllowed, message)
}
