//! Personal API keys: `usr_… / key#key_…`, so that the authorizer reads a key together with its user.

use aws::Fault;
use domain::accounts::Scope;
use domain::api_keys::{ApiKey, KeyName, KeyRequest};
use domain::ids::{KeyId, UserId};
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};

use super::broken;

/// What the sort key of every key starts with.
const SORT_PREFIX: &str = "key#";

/// The sort key of `id`.
pub(crate) fn sort_key(id: &KeyId) -> String {
    format!("{SORT_PREFIX}{id}")
}

#[derive(Serialize, Deserialize)]
pub(crate) struct ApiKeyItem {
    pk: String,
    sk: String,
    /// SHA-256 (hexadecimal) of the secret.
    pub(crate) digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    scopes: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credit_cap: Option<i64>,
    /// There exactly if `credit_cap` is: what every hold is taken from, by condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remaining: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at_ms: Option<i64>,
    created_at_ms: i64,
}

impl ApiKeyItem {
    pub(crate) fn new(key: &ApiKey, digest: String) -> Self {
        let request = &key.request;
        Self {
            pk: key.user.to_string(),
            sk: sort_key(&key.id),
            digest,
            name: request.name.as_ref().map(|name| name.as_str().to_owned()),
            scopes: request
                .scopes
                .iter()
                .map(|scope| scope.as_str().to_owned())
                .collect(),
            credit_cap: request.credit_cap.map(Credits::get),
            remaining: key.remaining.map(Credits::get),
            expires_at_ms: request.expires_at.map(Timestamp::ms),
            last_used_at_ms: key.last_used_at.map(Timestamp::ms),
            created_at_ms: key.created_at.ms(),
        }
    }
}

impl TryFrom<ApiKeyItem> for ApiKey {
    type Error = Fault;

    fn try_from(item: ApiKeyItem) -> Result<Self, Fault> {
        let credits = |amount: Option<i64>| match amount {
            Some(amount) => Credits::new(amount)
                .map(Some)
                .ok_or_else(|| broken("amount")),
            None => Ok(None),
        };
        let scopes = item.scopes.iter().map(|text| Scope::parse(text));
        let name = match &item.name {
            Some(name) => Some(KeyName::parse(name).map_err(|_| broken("name"))?),
            None => None,
        };
        let id = item.sk.strip_prefix(SORT_PREFIX).and_then(KeyId::parse);
        Ok(Self {
            id: id.ok_or_else(|| broken("id"))?,
            user: UserId::parse(&item.pk).ok_or_else(|| broken("user"))?,
            request: KeyRequest {
                name,
                scopes: scopes
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| broken("scopes"))?,
                credit_cap: credits(item.credit_cap)?,
                expires_at: item.expires_at_ms.map(Timestamp::from_ms),
            },
            remaining: credits(item.remaining)?,
            last_used_at: item.last_used_at_ms.map(Timestamp::from_ms),
            created_at: Timestamp::from_ms(item.created_at_ms),
        })
    }
}
