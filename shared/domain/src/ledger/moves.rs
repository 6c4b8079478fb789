//! Credits that go from one wallet to another, and those that come back after they were spent. Both are
//! worked out from the wallets as they are, like every booking.

use super::{Booked, Broken, Entry, EntryKind, Event, Line, Wallet};
use crate::credits::Credits;
use crate::ids::GenerationId;
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
    /// [`Refusal::OutOfCredits`] if less can be spent here, [`Refusal::Conflict`] if both are one wallet or
    /// the other one would exceed [`Credits::MAX`].
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

    /// Gives back `amount` of what was spent on `job`, for a `reason` that its owner reads. The entry is
    /// named for the job, so that the ledger takes one refund of it and no second.
    ///
    /// # Errors
    /// [`Broken`] if less was ever spent.
    pub fn refund(
        &self,
        job: &GenerationId,
        amount: Credits,
        because: (Actor, &str),
        now: Timestamp,
    ) -> Result<Booked, Broken> {
        let kind = EntryKind::Refund;
        let broken = || self.broken(kind, amount);
        let next = Self {
            available: self.available.checked_add(amount).ok_or_else(broken)?,
            lifetime_spent: self.lifetime_spent.checked_sub(amount).ok_or_else(broken)?,
            ..self.clone()
        };
        let (actor, reason) = because;
        let line = Line {
            ulid: job.ulid(),
            kind,
            ending: kind.as_str(),
            amount,
            generation: Some(job),
            actor,
            description: reason.to_owned(),
            now,
        };
        Ok(self.book(next, line))
    }
}

impl Entry {
    /// The id of the entry that books what is spent on `job`.
    #[must_use]
    pub fn id_of_capture(job: &GenerationId) -> String {
        format!("txn_{}-{}", job.ulid(), EntryKind::Capture.as_str())
    }

    /// The id of the entry that books what is given back of that.
    #[must_use]
    pub fn id_of_refund(job: &GenerationId) -> String {
        format!("txn_{}-{}", job.ulid(), EntryKind::Refund.as_str())
    }
}
