//! Bought credits whose money is returned, and comes back again.
//!
//! A wallet never goes below zero, so only available credits can be taken; the rest is owed. Owed credits
//! stay in the wallet when they come in, from a job that is released or from a later purchase, but cannot
//! be spent. The amount of the entry is the whole return, and its deltas show the part that was moved and
//! the part that became owed.

use super::{Booked, Broken, EntryKind, LedgerEvent, Wallet};
use crate::credits::Credits;
use crate::time::Timestamp;

impl Wallet {
    /// The credits that can be spent or transferred: the available ones less the owed ones.
    #[must_use]
    pub fn spendable(&self) -> Credits {
        self.available
            .checked_sub(self.owed)
            .unwrap_or(Credits::ZERO)
    }

    /// Books the return of `amount` with `event`: available credits are taken, the rest is owed from then
    /// on.
    ///
    /// # Errors
    /// [`Broken`] if the debt would exceed [`Credits::MAX`].
    pub fn take_back_or_owe(
        &self,
        amount: Credits,
        event: &LedgerEvent<'_>,
        now: Timestamp,
    ) -> Result<Booked, Broken> {
        let kind = EntryKind::Adjustment;
        let broken = || self.broken(kind, amount);
        let taken = amount.min(self.available);
        let owed = amount.checked_sub(taken).ok_or_else(broken)?;
        let next = Self {
            available: self.available.checked_sub(taken).ok_or_else(broken)?,
            lifetime_granted: self
                .lifetime_granted
                .checked_sub(taken)
                .ok_or_else(broken)?,
            owed: self.owed.checked_add(owed).ok_or_else(broken)?,
            ..self.clone()
        };
        Ok(self.book(next, event.line(kind, amount, now)))
    }

    /// Books that `amount` comes back with `event`: it pays the debt first.
    ///
    /// # Errors
    /// [`Broken`] if the wallet would exceed [`Credits::MAX`].
    pub fn give_back(
        &self,
        amount: Credits,
        event: &LedgerEvent<'_>,
        now: Timestamp,
    ) -> Result<Booked, Broken> {
        let kind = EntryKind::Adjustment;
        let broken = || self.broken(kind, amount);
        let paid = amount.min(self.owed);
        let given = amount.checked_sub(paid).ok_or_else(broken)?;
        let next = Self {
            available: self.available.checked_add(given).ok_or_else(broken)?,
            lifetime_granted: self
                .lifetime_granted
                .checked_add(given)
                .ok_or_else(broken)?,
            owed: self.owed.checked_sub(paid).ok_or_else(broken)?,
            ..self.clone()
        };
        Ok(self.book(next, event.line(kind, amount, now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{GenerationId, Tenant, UserId};
    use crate::ledger::{Actor, Charge, Income, Limits};
    use crate::refusal::Refusal;

    #[test]
    fn credits_that_were_in_a_job_when_their_money_went_back_cannot_be_spent_again() {
        let now = Timestamp::from_ms(1);
        let user = UserId::new(now, 1);
        let event = LedgerEvent {
            id: "event",
            actor: Actor::System,
            description: "returned",
        };
        let limits = Limits {
            in_flight_max: 10,
            unverified_max: None,
        };
        let (first, second) = (GenerationId::new(now, 1), GenerationId::new(now, 2));
        let job = |generation, cost| Charge {
            generation,
            cost: Credits::of(cost),
            model: "m",
        };
        let wallet = Wallet::empty(Tenant::User(user.clone()));
        let hundred = Credits::of(100);
        let bought = wallet.add(Income::Purchase, hundred, &event, now);
        let wallet = bought.expect("books").wallet;
        let held = wallet.hold(&job(&first, 80), &user, limits, now);
        let wallet = held.expect("affordable").wallet;

        let returned = wallet.take_back_or_owe(hundred, &event, now);
        let Booked { wallet, entry, .. } = returned.expect("books");
        assert_eq!((entry.amount, entry.available_delta), (hundred, -20));
        assert_eq!(
            (wallet.available, wallet.owed),
            (Credits::ZERO, Credits::of(80))
        );
        let released = wallet.release(&job(&first, 80), now).expect("held");
        let wallet = released.wallet;
        assert_eq!(
            (wallet.available, wallet.spendable()),
            (Credits::of(80), Credits::ZERO)
        );
        let refused = wallet.hold(&job(&second, 1), &user, limits, now);
        let out = Refusal::OutOfCredits {
            needed: Credits::of(1),
            available: Credits::ZERO,
        };
        assert_eq!(refused, Err(out));

        let again = wallet.give_back(hundred, &event, now).expect("books");
        assert_eq!(
            (again.entry.amount, again.entry.available_delta),
            (hundred, 20)
        );
        assert_eq!(again.wallet.spendable(), hundred);
        assert!(
            again
                .wallet
                .hold(&job(&second, 100), &user, limits, now)
                .is_ok()
        );
    }
}
