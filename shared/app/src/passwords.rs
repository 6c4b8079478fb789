//! Changing a password.

use auth::opaque::Secret;
use auth::passwords::{self, Password};
use aws::Fault;
use domain::accounts::{Caller, User};
use domain::attempts::Attempt;
use domain::ids::SessionId;
use domain::{FieldCode, Refusal};
use store::NewEra;

use crate::sessions::begin_era;
use crate::{App, Error, attempts, clock};

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
        attempts::count(app, Attempt::SignInAs(&user.email), clock::now()),
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
    };
    if !begin_era(app, &read, new).await? {
        let overtaken = "your password or your sessions were changed meanwhile";
        return Err(Refusal::Conflict(overtaken.to_owned()).into());
    }
    Ok(store.forget(Attempt::SignInAs(&read.email)).await?)
}
