//! Erasures that are not complete: `erasures / <when>#usr_…`, or `#team_…`, so that they sort oldest first.

use aws::Fault;
use domain::Timestamp;
use domain::erasure::Erasure;
use domain::ids::Tenant;
use serde::{Deserialize, Serialize};

use super::broken;

#[derive(Serialize, Deserialize)]
pub(crate) struct ErasureItem {
    pub(crate) pk: String,
    pub(crate) sk: String,
    /// The id of a user or a team.
    user_id: String,
    began_at_ms: i64,
}

impl ErasureItem {
    /// The hash key.
    pub(crate) const KEY: &str = "erasures";
}

impl From<&Erasure> for ErasureItem {
    fn from(erasure: &Erasure) -> Self {
        let began_at_ms = erasure.began_at.ms();
        Self {
            pk: Self::KEY.to_owned(),
            sk: format!("{began_at_ms:015}#{}", erasure.tenant),
            user_id: erasure.tenant.to_string(),
            began_at_ms,
        }
    }
}

impl TryFrom<ErasureItem> for Erasure {
    type Error = Fault;

    fn try_from(item: ErasureItem) -> Result<Self, Fault> {
        Ok(Self {
            tenant: Tenant::parse(&item.user_id).ok_or_else(|| broken("user_id"))?,
            began_at: Timestamp::from_ms(item.began_at_ms),
        })
    }
}
