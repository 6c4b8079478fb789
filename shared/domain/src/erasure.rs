//! The erasure of an account: its owner is forgotten at once, and the things that they made soon after. A
//! team ends in the same way.
//!
//! Owns when the last look for late arrivals is taken. Refuses to know where things are kept. The wallet,
//! the ledger and the audit log stay: they hold ids and amounts, no personal data, and other accounts'
//! books would not add up without them.

use std::time::Duration;

use crate::ids::Tenant;
use crate::time::Timestamp;

/// The longest time after an erasure in which something of the erased may still arrive: an upload whose
/// address was signed just before (15 minutes), a request that the authorizer's cached answer let in (one
/// minute), media that a worker is copying (15 minutes).
const LATE_MAX: Duration = Duration::from_secs(35 * 60);

/// An account, or a team, that is being erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The tenant whose things are deleted.
    pub tenant: Tenant,
    /// When the account or the team ended.
    pub began_at: Timestamp,
}

impl Erasure {
    /// Whether nothing can arrive any more, so that one more look that finds nothing is the last.
    #[must_use]
    pub fn is_settled(&self, now: Timestamp) -> bool {
        now.since(self.began_at) >= LATE_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::UserId;

    #[test]
    fn an_erasure_goes_on_until_nothing_can_arrive_any_more() {
        let began_at = Timestamp::from_ms(1_700_000_000_000);
        let erasure = Erasure {
            tenant: Tenant::User(UserId::new(began_at, 1)),
            began_at,
        };
        assert!(!erasure.is_settled(began_at.plus(LATE_MAX - Duration::from_millis(1))));
        assert!(erasure.is_settled(began_at.plus(LATE_MAX)));
    }
}
