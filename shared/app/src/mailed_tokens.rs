//! Tokens that are mailed: making one and sending it, and finding the one that somebody has. Refuses to know
//! what such a token is used for.

use auth::opaque::MailedSecret;
use aws::Fault;
use domain::accounts::{MailedToken, TokenPurpose, User};
use domain::mailboxes::Mailbox;
use domain::{FieldCode, Refusal};
use mail::Letter;

use crate::letters::{count, letters, take_back};
use crate::{App, Error, clock};

/// Makes a token and mails it. A delivery that comes twice mails two tokens, of which either works.
pub(crate) async fn send_token(app: &App, user: &User, purpose: TokenPurpose) -> Result<(), Error> {
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
        TokenPurpose::VerifyEmail => Letter::VerifyEmail { token: &secret },
        TokenPurpose::ResetPassword => Letter::ResetPassword { token: &secret },
    };
    let sent = app.mail().send(&user.email, letter).await;
    if sent.is_err() {
        take_back(app, &counted).await?;
    }
    Ok(sent?)
}

/// Returns the token that was mailed for `purpose`, if it can be used.
///
/// # Errors
/// [`Refusal::Invalid`] if it cannot be used.
pub(crate) async fn mailed_token(
    app: &App,
    purpose: TokenPurpose,
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
