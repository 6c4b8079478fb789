//! Promo codes. All are under one key and sorted by code, so a code is unique. `sequence` places them in
//! the ledger's index by their time, so that one query lists them newest first.

use aws::Fault;
use domain::ids::UserId;
use domain::promos::{Promo, PromoCode};
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

/// The hash key of every code.
pub(crate) const PROMOS: &str = "promos";

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct PromoItem {
    tenant: String,
    entry: String,
    pub(crate) sequence: u64,
    credits: i64,
    max_redemptions: u32,
    redeemed: u32,
    expires_at_ms: Option<i64>,
    created_by: String,
    created_at_ms: i64,
}

impl PromoItem {
    /// Builds the item for `promo`, at its place in the list.
    pub(crate) fn new(promo: &Promo, sequence: u64) -> Self {
        Self {
            tenant: PROMOS.to_owned(),
            entry: promo.code.as_str().to_owned(),
            sequence,
            credits: promo.credits.get(),
            max_redemptions: promo.max_redemptions,
            redeemed: promo.redeemed,
            expires_at_ms: promo.expires_at.map(Timestamp::ms),
            created_by: promo.created_by.to_string(),
            created_at_ms: promo.created_at.ms(),
        }
    }
}

impl TryFrom<PromoItem> for Promo {
    type Error = Fault;

    fn try_from(item: PromoItem) -> Result<Self, Fault> {
        Ok(Self {
            code: PromoCode::parse(&item.entry).map_err(|_| broken("code"))?,
            credits: Credits::new(item.credits).ok_or_else(|| broken("credits"))?,
            max_redemptions: item.max_redemptions,
            redeemed: item.redeemed,
            expires_at: item.expires_at_ms.map(Timestamp::from_ms),
            created_by: UserId::parse(&item.created_by).ok_or_else(|| broken("created_by"))?,
            created_at: Timestamp::from_ms(item.created_at_ms),
        })
    }
}
