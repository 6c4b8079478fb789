//! Quotes: a price promised for one request, to one caller, for a while. Owns when a quote holds; refuses
//! to lock a price: an order whose price has changed is refused, not made at the old price.

use std::time::Duration;

use crate::credits::Credits;
use crate::ids::{QuoteId, UserId};
use crate::time::Timestamp;

/// The lifetime of a quote.
pub const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A price that was told for a request that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Its id.
    pub id: QuoteId,
    /// The user who asked.
    pub caller: UserId,
    /// A digest of the order.
    pub order_fingerprint: String,
    /// The price.
    pub credits: Credits,
    /// When it was told.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Quote {
    /// Whether it promised `caller` this order at this `price`, and is still valid.
    #[must_use]
    pub fn holds(
        &self,
        caller: &UserId,
        order_fingerprint: &str,
        price: Credits,
        now: Timestamp,
    ) -> bool {
        self.caller == *caller
            && self.order_fingerprint == order_fingerprint
            && self.credits == price
            && now < self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_holds_for_its_caller_its_order_its_price_and_its_time_alone() {
        let now = Timestamp::from_ms(1_000);
        let (ada, eve) = (UserId::new(now, 1), UserId::new(now, 2));
        let quote = Quote {
            id: QuoteId::new(now, 3),
            caller: ada.clone(),
            order_fingerprint: "order".to_owned(),
            credits: Credits::of(25),
            created_at: now,
            expires_at: now.plus(LIFETIME),
        };
        let price = Credits::of(25);
        assert!(quote.holds(&ada, "order", price, now));
        assert!(!quote.holds(&eve, "order", price, now));
        assert!(!quote.holds(&ada, "another", price, now));
        assert!(!quote.holds(&ada, "order", Credits::of(24), now));
        assert!(!quote.holds(&ada, "order", price, now.plus(LIFETIME)));
    }
}
