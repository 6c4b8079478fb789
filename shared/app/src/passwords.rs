//! Changing a password, and choosing another one after it was forgotten.

use auth::opaque::Secret;
use auth::passwords::{self, Password, PasswordChange};
use aws::Fault;
use domain::accounts::{Email, MailedToken, TokenPurpose, User};
use domain::attempts::{Attempt, Source};
use domain::audit::AuditAction;
use domain::callers::Caller;
use domain::ids::SessionId;
use domain::{FieldCode, Refusal};
use queue::SendMail;
use store::NewEra;

use crate::mailed_tokens::{mailed_token, not_valid, send_token};
use crate::sessions::begin_era;
use crate::{App, Error, attempts, bonuses, clock};

/// The most attempts of a mailbox's owner to begin an era while somebody else begins others.
const ERA_ATTEMPTS_MAX: u32 = 10;

/// Changes the caller's password, and ends every session but the present one. Their API keys end only if
/// they ask for that.
///
/// # Errors
/// [`Refusal::Invalid`] if the current password is wrong, [`Refusal::RateLimited`] after too many wrong ones.
pub async fn change(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    change: PasswordChange,
) -> Result<(), Error> {
    let user = with_password(app, caller, "current_password", change.current).await?;
    let hash = passwords::hash(change.new)
        .await
        .map_err(Fault::doing("hashing a password"))?;
    let new = NewEra {
        password_hash: Some(&hash),
        keep: Some(session),
        ends_keys: change.ends_keys,
        ..NewEra::default()
    };
    if !begin_era(app, &user, new, AuditAction::PasswordChanged).await? {
        let overtaken = "your password or your sessions were changed meanwhile";
        return Err(Refusal::Conflict(overtaken.to_owned()).into());
    }
    Ok(())
}

/// Returns the caller's account, in the era in which `given` is its password. Wrong passwords are counted
/// separately from sign-ins: an access token is no way to go on guessing, and failed sign-ins do not keep
/// out a user who is signed in.
///
/// # Errors
/// [`Refusal::Invalid`] naming `field` if the password is wrong, [`Refusal::RateLimited`] after too many
/// wrong ones.
pub(crate) async fn with_password(
    app: &App,
    caller: &Caller,
    field: &'static str,
    given: Secret,
) -> Result<User, Error> {
    let store = app.store();
    let user = store.user(&caller.user).await?;
    let user = user.ok_or(Refusal::Unauthorized)?;
    let (counted, credential) = tokio::join!(
        attempts::count(app, Attempt::PasswordCheck(&user.id)),
        store.credential(&user.email)
    );
    let credential = match (counted, credential?) {
        (Err(error), _) => return Err(error),
        (Ok(()), Some(credential)) if credential.user == user.id => credential,
        (Ok(()), _) => return Err(Refusal::Unauthorized.into()),
    };
    let matches = passwords::verify(given, Some(credential.password_hash)).await;
    if !matches.map_err(Fault::doing("checking a password"))? {
        return Err(Refusal::field(field, FieldCode::NotAllowed, "is not your password").into());
    }
    store.forget(Attempt::PasswordCheck(&user.id)).await?;
    // The caller acts on condition that the era, and so the password, is still the one that was checked.
    Ok(User {
        era: credential.era,
        ..user
    })
}

/// Sends the letter that lets the owner of `email` choose another password, if an account has it. It does
/// not check whether one has: the work and the answer are the same for every e-mail.
///
/// # Errors
/// [`Refusal::RateLimited`] if `source` asks for too many.
pub async fn ask_for_reset(app: &App, source: &Source, email: &Email) -> Result<(), Error> {
    attempts::count(app, Attempt::ResetFrom(source)).await?;
    let email = email.clone();
    let message = SendMail::ResetPassword { email };
    Ok(app.queue().send_mail(&message).await?)
}

/// Sends the letter to the owner of `email`, if there is one. The worker calls it.
///
/// # Errors
/// A fault if the letter was not sent.
pub async fn write_reset(app: &App, email: &Email) -> Result<(), Error> {
    let Some(credential) = app.store().credential(email).await? else {
        return Ok(());
    };
    let user = app.store().user(&credential.user).await?;
    match user.filter(|user| !user.suspended) {
        Some(user) => send_token(app, &user, TokenPurpose::ResetPassword).await,
        None => Ok(()),
    }
}

/// Sets another password, as a token allows that was mailed for this.
///
/// # Errors
/// [`Refusal::Invalid`] if the token is malformed, was used, or has expired.
pub async fn reset(
    app: &App,
    source: &Source,
    token: &str,
    password: Password,
) -> Result<(), Error> {
    let token = mailed_token(app, TokenPurpose::ResetPassword, token).await?;
    set_anew(app, source, &token, password).await
}

/// Sets another password with a mailed token. The token shows that the mailbox is the user's, so the e-mail
/// is verified. Every session and API key ends, and so do other mailed tokens, since they are of the era
/// that ends. The token's era does not matter while the e-mail is not verified: otherwise a stranger who
/// made the account could begin one era after another, and so keep the mailbox's owner out.
///
/// # Errors
/// [`Refusal::Invalid`] if the token was used, or was mailed in an era that is over.
pub(crate) async fn set_anew(
    app: &App,
    source: &Source,
    token: &MailedToken,
    password: Password,
) -> Result<(), Error> {
    let store = app.store();
    let counts = |user: &User| {
        let is_of_era = user.era == token.era || !user.email_verified;
        is_of_era && !user.suspended
    };
    let mut user = store.user(&token.user).await?.filter(counts);
    if user.is_none() {
        return Err(not_valid().into());
    }
    let hash = passwords::hash(password)
        .await
        .map_err(Fault::doing("hashing a password"))?;
    for _ in 0..ERA_ATTEMPTS_MAX {
        let read = user.ok_or_else(not_valid)?;
        let bonus = bonuses::due_at_verification(app, &read, clock::now());
        let new = NewEra {
            password_hash: Some(&hash),
            token: Some(token),
            bonus: bonus.as_ref(),
            ends_keys: true,
            ..NewEra::default()
        };
        if begin_era(app, &read, new, AuditAction::PasswordReset).await? {
            bonuses::book_now(app, bonus.as_ref()).await;
            // A user who was locked out by another person's guesses can sign in with the new password, from
            // everywhere.
            store.forget_sign_ins(&read.email).await?;
            return Ok(store.know_source(&read.email, source, clock::now()).await?);
        }
        let overtaken = store.user(&token.user).await?;
        user = overtaken.filter(|user| counts(user) && user.era != read.era);
    }
    Err(Refusal::Busy.into())
}

/// Ends every session and API key of an account, and its password, so that only its mailbox opens it again.
/// Returns `false` if another era began meanwhile.
///
/// # Errors
/// A fault if it could not be written.
pub(crate) async fn shut_out(app: &App, user: &User) -> Result<bool, Error> {
    let hash = passwords::nobody().map_err(Fault::doing("ending a password"))?;
    let new = NewEra {
        password_hash: Some(&hash),
        ends_keys: true,
        ..NewEra::default()
    };
    begin_era(app, user, new, AuditAction::SignedOutEverywhere).await
}
