//! Transfers between wallets, and refunds of spent credits. Both are worked out from the present wallets,
//! like every booking.

use super::{Booked, Broken, Entry, EntryKind, LedgerEvent, Line, Wallet};
use crate::credits::Credits;
use crate::ids::GenerationId;
use crate::ledger::Actor;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A transfer that is worked out but not written: both bookings are committed together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The booking in the wallet that gives.
    pub out: Booked,
    /// The booking in the wallet that receives.
    pub into: Booked,
}

impl Wallet {
    /// Moves `amount` from this wallet into `other` with `event`.
    ///
    /// # Errors
    /// [`Refusal::OutOfCredits`] if less can be spent here, [`Refusal::Conflict`] if both are one wallet or
    /// the other one would exceed [`Credits::MAX`].
    pub fn transfer(
        &self,
        other: &Self,
        amount: Credits,
        event: &LedgerEvent<'_>,
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

    /// Gives back `amount` of the credits that were spent on `job`, for a `reason` that its owner reads.
    /// The entry is named after the job, so the ledger accepts only one refund of it.
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
    /// The id of the entry that captures the price of `job`.
    #[must_use]
    pub fn id_of_capture(job: &GenerationId) -> String {
        format!("txn_{}-{}", job.ulid(), EntryKind::Capture.as_str())
    }

    /// The id of the entry that refunds `job`.
    #[must_use]
    pub fn id_of_refund(job: &GenerationId) -> String {
        format!("txn_{}-{}", job.ulid(), EntryKind::Refund.as_str())
    }
}
