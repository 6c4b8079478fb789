//! Quotes, beside the generations that they are for. They have no `tenant`, so no list of generations shows
//! them.

use aws::Fault;
use domain::ids::{QuoteId, UserId};
use domain::quotes::Quote;
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};

use super::broken;

#[derive(Serialize, Deserialize)]
pub(crate) struct QuoteItem {
    id: String,
    caller: String,
    order_fingerprint: String,
    credits: i64,
    created_at_ms: i64,
    expires_at_ms: i64,
    /// DynamoDB's TTL in epoch seconds. It is for housekeeping only, and never decides whether a quote
    /// holds.
    ttl: i64,
}

impl From<&Quote> for QuoteItem {
    fn from(quote: &Quote) -> Self {
        Self {
            id: quote.id.to_string(),
            caller: quote.caller.to_string(),
            order_fingerprint: quote.order_fingerprint.clone(),
            credits: quote.credits.get(),
            created_at_ms: quote.created_at.ms(),
            expires_at_ms: quote.expires_at.ms(),
            ttl: quote.expires_at.seconds(),
        }
    }
}

impl TryFrom<QuoteItem> for Quote {
    type Error = Fault;

    fn try_from(item: QuoteItem) -> Result<Self, Fault> {
        Ok(Self {
            id: QuoteId::parse(&item.id).ok_or_else(|| broken("id"))?,
            caller: UserId::parse(&item.caller).ok_or_else(|| broken("caller"))?,
            order_fingerprint: item.order_fingerprint,
            credits: Credits::new(item.credits).ok_or_else(|| broken("credits"))?,
            created_at: Timestamp::from_ms(item.created_at_ms),
            expires_at: Timestamp::from_ms(item.expires_at_ms),
        })
    }
}
