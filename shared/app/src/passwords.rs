//! Changing a password, and choosing another one when it is forgotten.

use auth::opaque::Secret;
use auth::passwords::{self, Password};
use aws::Fault;
use domain::accounts::{Caller, Email, Purpose, User};
use domain::attempts::{Attempt, Source};
use domain::audit::Act;
use domain::ids::SessionId;
use domain::{FieldCode, Refusal};
use queue::SendMail;
use store::NewEra;

use crate::emails::{mailed_token, not_valid, send_token};
use crate::sessions::begin_era;
use crate::{App, Error, attempts};

/// Changes the caller's password, and ends every session but the one that asks. A wrong current password counts as
/// a failed sign-in: an access token is no way around the limit.
///
/// # Errors
/// [`Refusal::Invalid`] if the current password is wrong, [`Refusal::RateLimited`] when the e-mail is locked.
pub async fn change(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    current: Secret,
    new: Password,
) -> Result<(), Error> {
    let store = app.store();
    let user = store.user(&caller.user).await?;
    let user = user.ok_or(Refusal::Unauthorized)?;
    let (counted, credential) = tokio::join!(
        attempts::count(app, Attempt::SignInAs(&user.email)),
        store.credential(&user.email)
    );
    let credential = match (counted, credential?) {
        (Err(error), _) => return Err(error),
        (Ok(()), Some(credential)) if credential.user == user.id => credential,
        (Ok(()), _) => return Err(Refusal::Unauthorized.into()),
    };
    let matches = passwords::verify(current, Some(credential.password_hash)).await;
    if !matches.map_err(Fault::doing("checking a password"))? {
        let wrong = "is not your password";
        return Err(Refusal::field("current_password", FieldCode::NotAllowed, wrong).into());
    }
    let hash = passwords::hash(new)
        .await
        .map_err(Fault::doing("hashing a password"))?;
    // On condition that the era, and so the password, is still the one that was checked.
    let read = User {
        era: credential.era,
        ..user
    };
    let new = NewEra {
        password_hash: Some(&hash),
        keep: Some(session),
        token: None,
        is_suspension: false,
    };
    if !begin_era(app, &read, new, Act::PasswordChanged).await? {
        let overtaken = "your password or your sessions were changed meanwhile";
        return Err(Refusal::Conflict(overtaken.to_owned()).into());
    }
    Ok(store.forget(Attempt::SignInAs(&read.email)).await?)
}

/// Has a letter written that lets the owner of `email` choose another password, if it has one. Whether it has is not
/// looked at here: the work and the answer are the same for every e-mail.
///
/// # Errors
/// [`Refusal::RateLimited`] if too many are asked for from `source`.
pub async fn ask_for_reset(app: &App, source: &Source, email: &Email) -> Result<(), Error> {
    attempts::count(app, Attempt::ResetFrom(source)).await?;
    let email = email.as_str().to_owned();
    let message = SendMail::ResetPassword { email };
    Ok(app.queue().send_mail(&message).await?)
}

/// The worker's part: writes to the owner of `email`, if there is one.
///
/// # Errors
/// A fault if the letter was not sent.
pub async fn write_reset(app: &App, email: &Email) -> Result<(), Error> {
    let Some(credential) = app.store().credential(email).await? else {
        return Ok(());
    };
    let user = app.store().user(&credential.user).await?;
    match user.filter(|user| !user.suspended) {
        Some(user) => send_token(app, &user, Purpose::ResetPassword).await,
        None => Ok(()),
    }
}

/// Sets another password, as a token allows that was mailed to the account's owner, and ends every session. What else
/// was mailed for this dies with it: it was mailed in the era that ends.
///
/// # Errors
/// [`Refusal::Invalid`] if the token is none, was used, or has expired.
pub async fn reset(app: &App, token: &str, password: Password) -> Result<(), Error> {
    let store = app.store();
    let token = mailed_token(app, Purpose::ResetPassword, token).await?;
    let user = store.user(&token.user).await?;
    let user = user
        .filter(|user| user.era == token.era)
        .ok_or_else(not_valid)?;
    let hash = passwords::hash(password)
        .await
        .map_err(Fault::doing("hashing a password"))?;
    let new = NewEra {
        password_hash: Some(&hash),
        keep: None,
        token: Some(&token),
        is_suspension: false,
    };
    if !begin_era(app, &user, new, Act::PasswordReset).await? {
        return Err(not_valid().into());
    }
    // Who was locked out by somebody's guesses can sign in with the new one.
    Ok(store.forget(Attempt::SignInAs(&user.email)).await?)
}
