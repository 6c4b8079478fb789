//! Personal API keys: `usr_… / key#key_…`, so that the authorizer reads a key together with its user.

use aws::Fault;
use domain::accounts::Scope;
use domain::api_keys::{ApiKey, Cap, CapPeriod, KeyName, KeyRequest, Remaining};
use domain::ids::{KeyId, UserId};
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

/// The prefix of the sort key of every key.
const SORT_PREFIX: &str = "key#";

/// Returns the sort key of `id`.
pub(crate) fn sort_key(id: &KeyId) -> String {
    format!("{SORT_PREFIX}{id}")
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct ApiKeyItem {
    pk: String,
    sk: String,
    /// SHA-256 (hexadecimal) of the secret.
    pub(crate) digest: String,
    name: Option<String>,
    scopes: Vec<String>,
    credit_cap: Option<i64>,
    /// The period of the cap; absent if the cap is for life.
    cap_period: Option<String>,
    /// The credits that holds are taken from, by condition. Present exactly if `credit_cap` is.
    remaining: Option<i64>,
    /// The period that `remaining` was counted in, if the cap has periods and something has been spent.
    counted_in: Option<String>,
    expires_at_ms: Option<i64>,
    last_used_at_ms: Option<i64>,
    created_at_ms: i64,
}

impl ApiKeyItem {
    pub(crate) fn new(key: &ApiKey, digest: String) -> Self {
        let (request, remaining) = (&key.request, key.remaining.as_ref());
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
            credit_cap: request.cap.map(|cap| cap.credits.get()),
            cap_period: request
                .cap
                .filter(|cap| cap.period != CapPeriod::Lifetime)
                .map(|cap| cap.period.as_str().to_owned()),
            remaining: remaining.map(|remaining| remaining.credits.get()),
            counted_in: remaining.and_then(|remaining| remaining.counted_in.clone()),
            expires_at_ms: request.expires_at.map(Timestamp::ms),
            last_used_at_ms: key.last_used_at.map(Timestamp::ms),
            created_at_ms: key.created_at.ms(),
        }
    }
}

impl TryFrom<ApiKeyItem> for ApiKey {
    type Error = Fault;

    fn try_from(item: ApiKeyItem) -> Result<Self, Fault> {
        let credits = |amount: i64| Credits::new(amount).ok_or_else(|| broken("amount"));
        let period = match &item.cap_period {
            Some(period) => CapPeriod::parse(period).ok_or_else(|| broken("cap_period"))?,
            None => CapPeriod::Lifetime,
        };
        let cap = item.credit_cap.map(credits).transpose()?;
        let counted_in = item.counted_in;
        let remaining = item.remaining.map(credits).transpose()?;
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
                cap: cap.map(|credits| Cap { credits, period }),
                expires_at: item.expires_at_ms.map(Timestamp::from_ms),
            },
            remaining: remaining.map(|credits| Remaining {
                credits,
                counted_in,
            }),
            last_used_at: item.last_used_at_ms.map(Timestamp::from_ms),
            created_at: Timestamp::from_ms(item.created_at_ms),
        })
    }
}
