//! The seeds of a user's own webhook secret (`usr_… / secret`).

use domain::Timestamp;
use domain::ids::UserId;
use domain::webhook_endpoints::SecretSeeds;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct WebhookSecretItem {
    owner: String,
    item: String,
    seed: String,
    older_seed: Option<String>,
    older_seed_until_ms: Option<i64>,
}

impl WebhookSecretItem {
    /// The sort key.
    pub(crate) const SORT: &str = "secret";

    /// Builds the item of a user.
    pub(crate) fn new(user: &UserId, seeds: &SecretSeeds) -> Self {
        let older = seeds.older.as_ref();
        Self {
            owner: user.to_string(),
            item: Self::SORT.to_owned(),
            seed: seeds.newest.clone(),
            older_seed: older.map(|(seed, _)| seed.clone()),
            older_seed_until_ms: older.map(|(_, until)| until.ms()),
        }
    }
}

impl From<WebhookSecretItem> for SecretSeeds {
    fn from(item: WebhookSecretItem) -> Self {
        let until = item.older_seed_until_ms.map(Timestamp::from_ms);
        Self {
            newest: item.seed,
            older: item.older_seed.zip(until),
        }
    }
}
