//! Personal API keys: making, listing and deleting them.

use auth::api_keys::PersonalKey;
use aws::Fault;
use domain::Refusal;
use domain::accounts::Caller;
use domain::api_keys::{ApiKey, KEYS_MAX, KeyRequest};
use domain::audit::{Act, Chain, Deed};
use domain::ids::KeyId;

use crate::{App, Error, audit, clock};

/// A key, just made.
pub struct Made {
    /// The key.
    pub key: ApiKey,
    /// What its owner must keep: it is never shown again.
    pub secret: String,
}

/// Makes a key for the caller.
///
/// # Errors
/// [`Refusal::Conflict`] if they have as many as they may.
pub async fn create(app: &App, caller: &Caller, request: KeyRequest) -> Result<Made, Error> {
    let (store, chain) = (app.store(), Chain::of(&caller.user));
    let (existing, head) =
        tokio::try_join!(store.api_keys(&caller.user), store.audit_head(&chain))?;
    if existing.len() >= KEYS_MAX {
        let full = format!("you have {KEYS_MAX} API keys, which is all that you may; delete one");
        return Err(Refusal::Conflict(full).into());
    }
    let now = clock::now();
    let key = ApiKey {
        id: KeyId::new(now, clock::entropy()?),
        user: caller.user.clone(),
        remaining: request.credit_cap,
        request,
        last_used_at: None,
        created_at: now,
        revoked: false,
    };
    let secret = PersonalKey::generate(key.user.clone(), key.id.clone())
        .map_err(Fault::doing("making an API key"))?;
    let deed = Deed::own(&caller.user, Act::KeyCreated, key.id.as_str());
    audit::recorded(app, &deed, Some(head), |record| {
        store.put_api_key(&key, secret.digest(), record)
    })
    .await?;
    Ok(Made {
        key,
        secret: secret.reveal(),
    })
}

/// The caller's keys, newest first.
///
/// # Errors
/// A fault if they cannot be read.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<ApiKey>, Error> {
    Ok(app.store().api_keys(&caller.user).await?)
}

/// Deletes a key of the caller's: it stops working within the minute that the authorizer's answer is kept.
///
/// # Errors
/// [`Refusal::NotFound`] if they have none with this id.
pub async fn delete(app: &App, caller: &Caller, id: &KeyId) -> Result<(), Error> {
    let deed = Deed::own(&caller.user, Act::KeyDeleted, id.as_str());
    let revoked = audit::recorded(app, &deed, None, |record| {
        app.store().revoke_api_key(&caller.user, id, record)
    });
    if revoked.await? {
        Ok(())
    } else {
        Err(Refusal::NotFound("API key").into())
    }
}
