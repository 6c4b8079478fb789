//! Personal API keys: making, listing and deleting them.

use auth::api_keys::PersonalKey;
use aws::Fault;
use domain::Refusal;
use domain::api_keys::{ApiKey, KEYS_MAX, KeyRequest, Remaining};
use domain::audit::{AuditAction, AuditEvent, Chain};
use domain::callers::Caller;
use domain::ids::{KeyId, SessionId};
use store::KeyPut;

use crate::pages::{self, PageRequest, SealedPage};
use crate::{App, Error, audit, clock};

/// A key that was just made.
pub struct NewKey {
    /// The key.
    pub key: ApiKey,
    /// The secret that its owner must keep. It is never shown again.
    pub secret: String,
}

/// Makes a key for the caller. Their `session` must still live: the gateway may admit one that has just
/// ended.
///
/// # Errors
/// [`Refusal::Conflict`] if they have as many keys as they may have, [`Refusal::Unauthorized`] if their
/// session has ended.
pub async fn create(
    app: &App,
    caller: &Caller,
    session: &SessionId,
    request: KeyRequest,
) -> Result<NewKey, Error> {
    let (store, chain) = (app.store(), Chain::of(&caller.user));
    let (found, head) = tokio::try_join!(
        store.user_and_session(&caller.user, session),
        store.audit_head(&chain)
    )?;
    let now = clock::now();
    let (owner, _) = found
        .filter(|(user, session)| session.is_alive(user, now))
        .ok_or(Refusal::Unauthorized)?;
    let key = ApiKey {
        id: KeyId::new(now, clock::entropy()?),
        user: caller.user.clone(),
        remaining: request.cap.map(|cap| Remaining {
            credits: cap.credits,
            counted_in: None,
        }),
        request,
        last_used_at: None,
        created_at: now,
    };
    let secret = PersonalKey::generate(key.user.clone(), key.id.clone())
        .map_err(Fault::doing("making an API key"))?;
    let deed = AuditEvent::own(&caller.user, AuditAction::KeyCreated, key.id.as_str());
    let put = audit::recorded(app, &deed, Some(head), |record| {
        store.put_api_key(&owner, &key, secret.digest(), record)
    });
    match put.await? {
        KeyPut::Done => Ok(NewKey {
            key,
            secret: secret.reveal(),
        }),
        KeyPut::Full => {
            let full =
                format!("you have {KEYS_MAX} API keys, which is all that you may; delete one");
            Err(Refusal::Conflict(full).into())
        }
        KeyPut::SessionEnded => Err(Refusal::Unauthorized.into()),
    }
}

/// Reads the caller's API key again, if they use one and it has a cap.
///
/// # Errors
/// [`Refusal::Unauthorized`] if the key is gone.
pub(crate) async fn capped(app: &App, caller: &Caller) -> Result<Option<ApiKey>, Error> {
    let Some(key) = caller.capped_key() else {
        return Ok(None);
    };
    let key = app.store().api_key(&caller.user, key).await?;
    Ok(Some(key.ok_or(Refusal::Unauthorized)?))
}

/// Returns a page of the caller's keys, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    caller: &Caller,
    wanted: &PageRequest,
) -> Result<SealedPage<ApiKey>, Error> {
    let keys = app.store().api_keys(&caller.user).await?;
    let binding = format!("{}/api-keys", caller.user);
    let place = |key: &ApiKey| key.id.clone();
    Ok(pages::of(keys, &binding, wanted, place, |key, last| {
        key < last
    })?)
}

/// Deletes a key of the caller. It stops working within the minute for which the authorizer's answer is
/// kept.
///
/// # Errors
/// [`Refusal::NotFound`] if they have no key with this id.
pub async fn delete(app: &App, caller: &Caller, id: &KeyId) -> Result<(), Error> {
    let deed = AuditEvent::own(&caller.user, AuditAction::KeyDeleted, id.as_str());
    let ended = audit::recorded(app, &deed, None, |record| {
        app.store().end_api_key(&caller.user, id, record)
    });
    if ended.await? {
        Ok(())
    } else {
        Err(Refusal::NotFound("API key").into())
    }
}
