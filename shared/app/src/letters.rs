//! The count of letters: each is counted by the mailbox's digest before it is written. Owns what a letter
//! is counted as; refuses to know what letters say.

use aws::Fault;
use domain::Refusal;
use domain::accounts::Email;
use domain::attempts::Attempt;
use domain::mailboxes::Mailbox;

use crate::{App, Error, attempts, metrics};

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

/// Returns the counts that a letter adds to. Strangers' addresses have limits of their own: anybody can write
/// them down.
pub(crate) fn letters(is_verified: bool, mailbox: &str, strangers_max: u32) -> Vec<Attempt<'_>> {
    let mut counted = vec![Attempt::MailTo(mailbox)];
    if !is_verified {
        counted.push(Attempt::MailToStranger(mailbox));
        counted.push(Attempt::MailToStrangers(strangers_max));
    }
    counted
}

/// Counts a letter; `false` if there are too many, and then it counts as none.
pub(crate) async fn count(app: &App, counted: &[Attempt<'_>]) -> Result<bool, Error> {
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

/// Counts a letter no more that was not sent.
pub(crate) async fn take_back(app: &App, counted: &[Attempt<'_>]) -> Result<(), Error> {
    for attempt in counted {
        attempts::take_back(app, *attempt).await?;
    }
    Ok(())
}
