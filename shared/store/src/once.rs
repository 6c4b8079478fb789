//! Clients' keys, and what each was used for. Refuses to know how a booking or a checkout is written.

use domain::ids::{Tenant, UserId};

/// A client's idempotency key, and the request that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// The user whose key it is.
    pub caller: UserId,
    /// The key.
    pub key: String,
    /// A digest of the request.
    pub fingerprint: String,
}

/// The record of a key that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedKey {
    /// A digest of the request that it came with.
    pub fingerprint: String,
    /// The tenant whose ledger has the entry.
    pub tenant: Tenant,
    /// The entry that it made.
    pub entry: String,
}

/// A checkout that was begun with a client's idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BegunCheckout {
    /// A digest of the request that it came with.
    pub fingerprint: String,
    /// The payment service's id of the checkout.
    pub session: String,
    /// The address of the page to pay on.
    pub url: String,
}
