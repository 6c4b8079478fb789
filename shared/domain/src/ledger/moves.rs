//! Credits that go from one wallet to another, and those that come back after they were spent. Both are worked out
//! from the wallets as they are, like every booking.

use super::{Booked, Broken, Charge, EntryKind, Event, Wallet};
use crate::credits::Credits;
use crate::ledger::Actor;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A transfer worked out: both wallets as they will be, to be committed together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// In the wallet that gives.
    pub out: Booked,
    /// In the wallet that gets.
    pub into: Booked,
}

impl Wallet {
    /// Moves `amount` from here into `other` because of `event`: what one loses the other gets.
    ///
    /// # Errors
    /// [`Refusal::OutOfCredits`] if less can be spent here, [`Refusal::Conflict`] if both are one wallet or the other
    /// one would exceed [`Credits::MAX`].
    pub fn transfer(
        &self,
        other: &Self,
        amount: Credits,
        event: &Event<'_>,
        now: Timestamp,
    ) -> Result<Transfer, Refusal> {
        if self.tenant == other.tenant {
            return Err(Refusal::Conflict("both are the same wallet".to_owned()));
        }
        let short = Refusal::OutOfCredits {
            needed: amount,
            available: self.spendable(),
        };
        let full = || Refusal::Conflict("the wallet cannot hold that much".to_owned());
        if amount > self.spendable() {
            return Err(short);
        }
        let giver = Self {
            available: self.available.checked_sub(amount).ok_or(short.clone())?,
            lifetime_granted: self.lifetime_granted.checked_sub(amount).ok_or(short)?,
            ..self.clone()
        };
        let getter = Self {
            available: other.available.checked_add(amount).ok_or_else(full)?,
            lifetime_granted: other
                .lifetime_granted
                .checked_add(amount)
                .ok_or_else(full)?,
            ..other.clone()
        };
        Ok(Transfer {
            out: self.book(giver, event.line(EntryKind::TransferOut, amount, now)),
            into: other.book(getter, event.line(EntryKind::TransferIn, amount, now)),
        })
    }

    /// Gives back what was spent on `job`.
    ///
    /// # Errors
    /// [`Broken`] if less was ever spent.
    pub fn refund(&self, job: &Charge<'_>, actor: Actor, now: Timestamp) -> Result<Booked, Broken> {
        let broken = || self.broken(EntryKind::Refund, job.cost);
        let next = Self {
            available: self.available.checked_add(job.cost).ok_or_else(broken)?,
            lifetime_spent: self
                .lifetime_spent
                .checked_sub(job.cost)
                .ok_or_else(broken)?,
            ..self.clone()
        };
        Ok(self.book(
            next,
            Self::line(job, (EntryKind::Refund, "Refunded for"), actor, now),
        ))
    }
}
