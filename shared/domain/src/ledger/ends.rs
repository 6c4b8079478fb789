//! The ends of a hold: spent, given back, or spent except for a share. Owns the number of entries of each
//! end and their ids; refuses to know why a share is given back.
//!
//! The two entries of one end are booked together or not at all, the capture first. Only the capture takes
//! the job out of flight; the share that follows it only moves credits.

use super::{Actor, Booked, Broken, Charge, Entry, EntryKind, Line, Wallet};
use crate::credits::Credits;
use crate::time::Timestamp;

/// The end of the id of a share that is given back when the rest is spent. A hold that is given back whole
/// has another id, so that neither can be taken for the other.
pub(super) const WITHHELD: &str = "withheld";

/// The end of a hold that is worked out but not written: the wallet after it, and its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The wallet afterwards.
    pub wallet: Wallet,
    /// One entry, or two in order. Their amounts are positive and add up to the hold.
    pub entries: Vec<Entry>,
    /// The wallet before.
    pub(super) before: Wallet,
}

impl Settled {
    /// Returns the part of the hold that was booked as `kind`.
    #[must_use]
    pub fn amount(&self, kind: EntryKind) -> Credits {
        let booked = self.entries.iter().find(|entry| entry.kind == kind);
        booked.map_or(Credits::ZERO, |entry| entry.amount)
    }
}

impl From<Booked> for Settled {
    fn from(booked: Booked) -> Self {
        Self {
            wallet: booked.wallet,
            entries: vec![booked.entry],
            before: booked.before,
        }
    }
}

impl Wallet {
    /// Spends the credits held for `job`, except for `released`, the share of withheld files, which is
    /// given back. If the share is the whole hold, nothing is spent, and the hold is released.
    ///
    /// # Errors
    /// [`Broken`] if the wallet does not hold it, or if `released` is more than the job costs.
    pub fn capture(
        &self,
        job: &Charge<'_>,
        released: Credits,
        now: Timestamp,
    ) -> Result<Settled, Broken> {
        let captured = job.cost.checked_sub(released);
        let captured = captured.ok_or_else(|| self.broken(EntryKind::Release, released))?;
        if captured == Credits::ZERO {
            return self.release(job, now);
        }
        let spent = self.spend(job, captured, now)?;
        if released == Credits::ZERO {
            return Ok(spent.into());
        }
        let rest = spent.wallet.give_share_back(job, released, now)?;
        Ok(Settled {
            wallet: rest.wallet,
            entries: vec![spent.entry, rest.entry],
            before: spent.before,
        })
    }

    /// Gives the credits held for `job` back.
    ///
    /// # Errors
    /// [`Broken`] if the wallet does not hold it.
    pub fn release(&self, job: &Charge<'_>, now: Timestamp) -> Result<Settled, Broken> {
        let kind = EntryKind::Release;
        let broken = || self.broken(kind, job.cost);
        let next = Self {
            in_flight: self.in_flight.checked_sub(1).ok_or_else(broken)?,
            ..self.returned(job.cost)?
        };
        let line = Self::line(job, (kind, "Given back for"), Actor::System, now);
        Ok(self.book(next, line).into())
    }

    fn spend(&self, job: &Charge<'_>, amount: Credits, now: Timestamp) -> Result<Booked, Broken> {
        let kind = EntryKind::Capture;
        let broken = || self.broken(kind, amount);
        let next = Self {
            held: self.held.checked_sub(amount).ok_or_else(broken)?,
            lifetime_spent: self.lifetime_spent.checked_add(amount).ok_or_else(broken)?,
            in_flight: self.in_flight.checked_sub(1).ok_or_else(broken)?,
            ..self.clone()
        };
        let line = Line {
            amount,
            ..Self::line(job, (kind, "Spent on"), Actor::System, now)
        };
        Ok(self.book(next, line))
    }

    fn give_share_back(
        &self,
        job: &Charge<'_>,
        amount: Credits,
        now: Timestamp,
    ) -> Result<Booked, Broken> {
        let what = (EntryKind::Release, "Given back for what was withheld of");
        let line = Line {
            ending: WITHHELD,
            amount,
            ..Self::line(job, what, Actor::System, now)
        };
        Ok(self.book(self.returned(amount)?, line))
    }

    /// The wallet after `amount` of the held credits became available again.
    fn returned(&self, amount: Credits) -> Result<Self, Broken> {
        let broken = || self.broken(EntryKind::Release, amount);
        Ok(Self {
            available: self.available.checked_add(amount).ok_or_else(broken)?,
            held: self.held.checked_sub(amount).ok_or_else(broken)?,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{GenerationId, Tenant, UserId};
    use crate::ledger::{Income, LedgerEvent, Limits};

    const NOW: Timestamp = Timestamp::from_ms(1);

    /// Makes a wallet of a thousand credits that holds the price of `generation` and that of another job.
    fn holding(generation: &GenerationId, cost: Credits) -> Wallet {
        let user = UserId::new(NOW, 1);
        let other = GenerationId::new(NOW, 2);
        let event = LedgerEvent {
            id: "event",
            actor: Actor::System,
            description: "given",
        };
        let limits = Limits {
            in_flight_max: 2,
            unverified_max: None,
        };
        let wallet = Wallet::empty(Tenant::User(user.clone()));
        let given = wallet.add(Income::Grant, Credits::of(1_000), &event, NOW);
        let mut wallet = given.expect("fits").wallet;
        for (generation, cost) in [(&other, Credits::of(40)), (generation, cost)] {
            let job = job(generation, cost);
            let held = wallet.hold(&job, &user, limits, NOW);
            wallet = held.expect("affordable").wallet;
        }
        wallet
    }

    fn job(generation: &GenerationId, cost: Credits) -> Charge<'_> {
        Charge {
            generation,
            cost,
            model: "m",
        }
    }

    proptest! {
        #[test]
        fn a_hold_is_spent_and_given_back_to_the_last_credit_in_one_booking(cost in 1..900_u32, share: prop::sample::Index) {
            let generation = GenerationId::new(NOW, 7);
            let (cost, released) = (Credits::of(cost), share.index(cost as usize + 1));
            let released = Credits::new(i64::try_from(released).expect("small")).expect("small");
            let before = holding(&generation, cost);
            let settled = before.capture(&job(&generation, cost), released, NOW).expect("held");

            let captured = settled.amount(EntryKind::Capture);
            prop_assert_eq!(settled.amount(EntryKind::Release), released);
            prop_assert_eq!(captured.checked_add(released), Some(cost));
            let after = &settled.wallet;
            prop_assert_eq!(Some(after.held), before.held.checked_sub(cost));
            prop_assert_eq!(Some(after.available), before.available.checked_add(released));
            prop_assert_eq!(after.lifetime_spent, captured);
            prop_assert_eq!(after.in_flight, 1, "once, however many entries");
            prop_assert_eq!(after.version, before.version + settled.entries.len() as u64);
            let last = settled.entries.last().expect("at least one");
            prop_assert_eq!((last.sequence, last.hash), (after.version, after.last));
            prop_assert!(settled.entries.iter().all(|entry| entry.amount > Credits::ZERO));
        }
    }

    #[test]
    fn each_end_has_ids_of_its_own() {
        let generation = GenerationId::new(NOW, 7);
        let cost = Credits::of(100);
        let wallet = holding(&generation, cost);
        let ids = |released| {
            let settled = wallet.capture(&job(&generation, cost), Credits::of(released), NOW);
            let entries = settled.expect("held").entries;
            entries
                .into_iter()
                .map(|entry| entry.id)
                .collect::<Vec<_>>()
        };
        let named = |endings: &[&str]| {
            let id = |ending: &&str| format!("txn_{}-{ending}", generation.ulid());
            endings.iter().map(id).collect::<Vec<_>>()
        };
        assert_eq!(ids(0), named(&["capture"]));
        assert_eq!(ids(50), named(&["capture", "withheld"]));
        assert_eq!(ids(100), named(&["release"]));
    }

    #[test]
    fn a_price_below_the_number_of_files_is_given_back_without_an_entry_of_nothing() {
        let generation = GenerationId::new(NOW, 7);
        let cost = Credits::of(1);
        let wallet = holding(&generation, cost);
        // One of three files was delivered: its share of one credit rounds down to zero.
        let settled = wallet.capture(&job(&generation, cost), cost, NOW);
        let Settled {
            wallet, entries, ..
        } = settled.expect("held");
        assert_eq!((entries.len(), entries[0].amount), (1, cost));
        assert_eq!(entries[0].kind, EntryKind::Release);
        assert_eq!(
            (wallet.in_flight, wallet.lifetime_spent),
            (1, Credits::ZERO)
        );
    }

    #[test]
    fn more_than_the_hold_is_never_given_back() {
        let generation = GenerationId::new(NOW, 7);
        let wallet = holding(&generation, Credits::of(100));
        let dear = job(&generation, Credits::of(100));
        assert!(wallet.capture(&dear, Credits::of(101), NOW).is_err());
        // The other job's 40 credits are held, too, but not for this job.
        let other = job(&generation, Credits::of(141));
        for released in [0, 1, 140, 141] {
            assert!(wallet.capture(&other, Credits::of(released), NOW).is_err());
        }
        let empty = Wallet::empty(wallet.tenant.clone());
        assert!(empty.capture(&dear, Credits::of(50), NOW).is_err());
        assert!(empty.release(&dear, NOW).is_err());
    }
}
