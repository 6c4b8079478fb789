//! The secrets that sign webhooks: those of endpoints, and each user's own, for addresses of single
//! generations.

use std::time::Duration;

use auth::webhooks::WebhookSecret;
use aws::Fault;
use domain::audit::{AuditAction, AuditEvent};
use domain::callers::{Caller, Person};
use domain::generations::Draft;
use domain::webhook_endpoints::SecretSeeds;
use domain::{FieldCode, Refusal};
use store::WriteOutcome;

use crate::{App, Error, audit, clock};

/// The time that a write is tried while other writes conflict with it.
const PATIENCE: Duration = Duration::from_secs(3);

/// Gives the caller a new secret for addresses of single generations. It is shown only in this answer. The
/// previous one signs, too, for a day.
///
/// # Errors
/// [`Refusal::Unauthorized`] if the account is gone.
pub async fn make(app: &App, caller: &Person) -> Result<String, Error> {
    let seed = seed()?;
    let made = AuditEvent::own(
        &caller.user,
        AuditAction::WebhookSecretMade,
        caller.user.as_str(),
    );
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let before = app.store().webhook_secret_seeds(&caller.user).await?;
        let next = match &before {
            Some(before) => before.rotated(seed.clone(), clock::now()),
            None => SecretSeeds::new(seed.clone()),
        };
        let written = audit::recorded(app, &made, None, |record| {
            let (before, next) = (before.as_ref(), &next);
            app.store()
                .put_webhook_secret_seeds(&caller.user, before, next, record)
        });
        match written.await? {
            Some(WriteOutcome::Done) => {
                let secret = secret(app, caller.user.as_str(), &seed).await?;
                return Ok(secret.shown().to_string());
            }
            Some(WriteOutcome::Stale) => {}
            None => return Err(Refusal::Unauthorized.into()),
        }
    }
    Err(Refusal::Busy.into())
}

/// Checks the address that a draft names for webhooks. Its author must also have a secret: without one,
/// nobody could verify the events that are sent there.
///
/// # Errors
/// [`Refusal::Invalid`] naming `webhook_url`.
pub(crate) async fn check_address(app: &App, caller: &Caller, draft: &Draft) -> Result<(), Error> {
    let Some(address) = &draft.webhook_url else {
        return Ok(());
    };
    check_url(app, "webhook_url", address)?;
    match app.store().webhook_secret_seeds(&caller.user).await? {
        Some(_) => Ok(()),
        None => {
            let message = "needs a secret that signs it; make one first: POST /me/webhook-secret";
            Err(Refusal::field("webhook_url", FieldCode::NotAllowed, message).into())
        }
    }
}

/// Checks that events may be sent to an address.
///
/// # Errors
/// [`Refusal::Invalid`] naming `field`.
pub(crate) fn check_url(app: &App, field: &str, url: &str) -> Result<(), Refusal> {
    match receivers::check_url(url, app.config.webhook_reach) {
        Ok(_) => Ok(()),
        Err(message) => Err(Refusal::field(field, FieldCode::Malformed, message)),
    }
}

/// Returns a fresh seed, from which a secret can be derived.
pub(crate) fn seed() -> Result<String, Fault> {
    Ok(hex::encode(clock::random::<16>()?))
}

/// Derives the secret of an endpoint, or of a user, from this seed.
pub(crate) async fn secret(app: &App, owner: &str, seed: &str) -> Result<WebhookSecret, Fault> {
    let key = app.mailbox_key().await?;
    WebhookSecret::derive(key, owner, seed).map_err(Fault::doing("deriving a secret"))
}
