//! The records "this key booked this entry" and "this key began this checkout". They are kept in the
//! credits table, each under a key of its own.

use aws::Fault;
use domain::Timestamp;
use domain::ids::{Tenant, UserId};
use domain::ledger::Entry;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::broken;
use crate::once::{BegunCheckout, Once, UsedKey};

#[derive(Serialize, Deserialize)]
pub(crate) struct OnceItem {
    tenant: String,
    entry: String,
    fingerprint: String,
    booked_tenant: String,
    booked_entry: String,
    created_at_ms: i64,
}

impl OnceItem {
    /// The sort key.
    pub(crate) const SORT: &str = "once";

    /// Returns the hash key: the caller's id, and a digest of the client's key, which may be any text.
    pub(crate) fn key(caller: &UserId, client_key: &str) -> String {
        let digest = hex::encode(Sha256::digest(client_key.as_bytes()));
        format!("once#{caller}#{digest}")
    }

    pub(crate) fn new(once: &Once, booked: &Entry, now: Timestamp) -> Self {
        Self {
            tenant: Self::key(&once.caller, &once.key),
            entry: Self::SORT.to_owned(),
            fingerprint: once.fingerprint.clone(),
            booked_tenant: booked.tenant.to_string(),
            booked_entry: booked.id.clone(),
            created_at_ms: now.ms(),
        }
    }
}

impl TryFrom<OnceItem> for UsedKey {
    type Error = Fault;

    fn try_from(item: OnceItem) -> Result<Self, Fault> {
        Ok(Self {
            fingerprint: item.fingerprint,
            tenant: Tenant::parse(&item.booked_tenant).ok_or_else(|| broken("booked_tenant"))?,
            entry: item.booked_entry,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct CheckoutOnceItem {
    tenant: String,
    entry: String,
    fingerprint: String,
    session: String,
    url: String,
}

impl CheckoutOnceItem {
    /// Returns the hash key: the caller's id, and a digest of the client's key, which may be any text.
    pub(crate) fn key(caller: &UserId, client_key: &str) -> String {
        format!("checkout-{}", OnceItem::key(caller, client_key))
    }

    pub(crate) fn new(once: &Once, begun: &BegunCheckout) -> Self {
        Self {
            tenant: Self::key(&once.caller, &once.key),
            entry: OnceItem::SORT.to_owned(),
            fingerprint: begun.fingerprint.clone(),
            session: begun.session.clone(),
            url: begun.url.clone(),
        }
    }
}

impl From<CheckoutOnceItem> for BegunCheckout {
    fn from(item: CheckoutOnceItem) -> Self {
        Self {
            fingerprint: item.fingerprint,
            session: item.session,
            url: item.url,
        }
    }
}
