//! The check of a ledger: starting from an earlier wallet, each entry must be the one that a booking would
//! have made.
//!
//! Owns the effect of each kind of entry on a wallet. It is written a second time, from the entry alone, so
//! that a mistake in the bookings shows. Refuses to repair: it reports the first fault.

use super::ends::WITHHELD;
use super::{Booked, Entry, EntryKind, Settled, Wallet};
use crate::chain::{Encoding, Flaw, Link};
use crate::credits::Credits;

impl Entry {
    /// Computes the hash of this entry after `previous`.
    pub(super) fn link(&self, previous: Link) -> Link {
        Encoding::after(previous, "ledger-1")
            .text(&self.id)
            .text(self.tenant.as_str())
            .text(self.kind.as_str())
            .number(self.amount.get())
            .number(self.available_delta)
            .number(self.held_delta)
            .number(self.owed_delta)
            .number(self.available_after.get())
            .number(self.held_after.get())
            .optional(self.generation.as_ref().map(|id| id.as_str()))
            .text(&self.actor.to_string())
            .text(&self.description)
            .number(self.created_at.ms())
            .count(self.sequence)
            .link()
    }

    /// Whether the deltas follow from the kind and the amount.
    fn deltas_fit(&self) -> bool {
        let (available, held) = (self.available_delta, self.held_delta);
        let amount = self.amount.get();
        let taken = amount.strict_neg();
        if self.owed_delta != 0 && self.kind != EntryKind::Adjustment {
            return false;
        }
        match self.kind {
            EntryKind::Bonus
            | EntryKind::Purchase
            | EntryKind::Grant
            | EntryKind::Redeem
            | EntryKind::TransferIn
            | EntryKind::Refund => (available, held) == (amount, 0),
            EntryKind::TransferOut => (available, held) == (taken, 0),
            EntryKind::Hold => (available, held) == (taken, amount),
            EntryKind::Capture => (available, held) == (0, taken),
            EntryKind::Release => (available, held) == (amount, taken),
            // Credits that could not be taken are owed, and credits that come back pay that first.
            EntryKind::Adjustment => {
                let moved = available.checked_sub(self.owed_delta);
                moved.is_some_and(|moved| moved.abs() == amount) && held == 0
            }
        }
    }
}

impl Entry {
    /// Whether its id is that of a withheld share.
    fn is_share(&self) -> bool {
        self.kind == EntryKind::Release && self.id.ends_with(&format!("-{WITHHELD}"))
    }

    /// Whether its id, its kind and its job agree, and the amount of a job's entry is not zero.
    fn is_named_right(&self) -> bool {
        let name = self.id.strip_prefix("txn_");
        let Some((event, ending)) = name.and_then(|name| name.rsplit_once('-')) else {
            return false;
        };
        let is_of_kind = self.is_share() || ending == self.kind.as_str();
        let is_of_job = match &self.generation {
            Some(job) => job.ulid() == event && self.amount > Credits::ZERO,
            None => !self.is_share(),
        };
        is_of_kind && is_of_job
    }

    /// Whether it may come after `before`, which is `None` at the start of a walk. A withheld share must
    /// follow the capture of the same job directly; other entries may follow any.
    fn may_follow(&self, before: Option<&Self>) -> bool {
        let is_its_capture = |before: &Self| {
            before.kind == EntryKind::Capture && before.generation == self.generation
        };
        !self.is_share() || before.is_some_and(is_its_capture)
    }
}

impl Booked {
    /// Works the booking out a second time, from the entry alone.
    ///
    /// # Errors
    /// The [`Flaw`] if the result is another wallet. That is a fault of ours, and nothing may be written.
    pub fn check(&self) -> Result<(), Flaw> {
        self.before
            .leads_to(&self.wallet, std::slice::from_ref(&self.entry))
    }
}

impl Settled {
    /// Works the end of a hold out a second time, from its entries alone.
    ///
    /// # Errors
    /// As [`Booked::check`].
    pub fn check(&self) -> Result<(), Flaw> {
        self.before.leads_to(&self.wallet, &self.entries)
    }
}

impl Wallet {
    fn leads_to(&self, end: &Self, entries: &[Entry]) -> Result<(), Flaw> {
        let (mut wallet, mut before) = (self.clone(), None);
        for entry in entries {
            wallet = wallet.replay(before, entry)?;
            before = Some(entry);
        }
        if wallet == *end {
            Ok(())
        } else {
            Err(Flaw::Amounts)
        }
    }

    /// Returns the wallet after `entry`, worked out from the entry and checked against all of its fields.
    /// `before` is the entry that led to this wallet, if it was read: the two entries of one booking belong
    /// together, and no wallet between them is ever stored.
    ///
    /// # Errors
    /// The first [`Flaw`] found.
    pub fn replay(&self, before: Option<&Entry>, entry: &Entry) -> Result<Self, Flaw> {
        if entry.sequence != self.version.saturating_add(1) {
            return Err(Flaw::OutOfPlace);
        }
        if entry.tenant != self.tenant || entry.hash != entry.link(self.last) {
            return Err(Flaw::Altered);
        }
        let next = self.after(entry).ok_or(Flaw::Amounts)?;
        let before = before.filter(|before| before.hash == self.last);
        let is_right = entry.deltas_fit()
            && entry.is_named_right()
            && entry.may_follow(before)
            && next.available == entry.available_after
            && next.held == entry.held_after;
        if is_right {
            Ok(next)
        } else {
            Err(Flaw::Amounts)
        }
    }

    /// Applies the entry. Granted credits less spent ones stay equal to the sum of the balances; no amount
    /// goes below zero.
    fn after(&self, entry: &Entry) -> Option<Self> {
        let plus = |amount: Credits, delta: i64| Credits::new(amount.get().checked_add(delta)?);
        let total = entry.available_delta.checked_add(entry.held_delta)?;
        let (granted, spent) = match entry.kind {
            EntryKind::Capture | EntryKind::Refund => (0, total.checked_neg()?),
            EntryKind::Bonus
            | EntryKind::Purchase
            | EntryKind::Grant
            | EntryKind::Redeem
            | EntryKind::TransferIn
            | EntryKind::TransferOut
            | EntryKind::Hold
            | EntryKind::Release
            | EntryKind::Adjustment => (total, 0),
        };
        let in_flight = match entry.kind {
            EntryKind::Hold => self.in_flight.checked_add(1)?,
            EntryKind::Release if entry.is_share() => self.in_flight,
            EntryKind::Capture | EntryKind::Release => self.in_flight.checked_sub(1)?,
            EntryKind::Bonus
            | EntryKind::Purchase
            | EntryKind::Grant
            | EntryKind::Redeem
            | EntryKind::TransferIn
            | EntryKind::TransferOut
            | EntryKind::Refund
            | EntryKind::Adjustment => self.in_flight,
        };
        Some(Self {
            tenant: self.tenant.clone(),
            available: plus(self.available, entry.available_delta)?,
            held: plus(self.held, entry.held_delta)?,
            lifetime_granted: plus(self.lifetime_granted, granted)?,
            lifetime_spent: plus(self.lifetime_spent, spent)?,
            owed: plus(self.owed, entry.owed_delta)?,
            in_flight,
            version: entry.sequence,
            last: entry.hash,
            watch: self.watch.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::ids::{GenerationId, Tenant, UserId};
    use crate::ledger::{Actor, Booked, Charge, Income, LedgerEvent, Limits, Settled};
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_ms(5);

    fn user(n: u128) -> UserId {
        UserId::new(NOW, n)
    }

    /// Makes a ledger of `rounds` jobs, with the wallet that it leads to.
    fn ledger(rounds: u128) -> (Vec<Entry>, Wallet) {
        let tenant = Tenant::User(user(1));
        let mut entries = Vec::new();
        let mut wallet = Wallet::empty(tenant);
        let mut book = |settled: Settled| {
            assert_eq!(settled.check(), Ok(()));
            entries.extend(settled.entries);
            settled.wallet
        };
        let bonus = wallet.bonus(&user(1), Credits::of(1_000), NOW);
        wallet = book(bonus.expect("fits").into());
        let limits = Limits {
            in_flight_max: 9,
            unverified_max: None,
        };
        for n in 0..rounds {
            let generation = GenerationId::new(NOW, n);
            let job = Charge {
                generation: &generation,
                cost: Credits::of(7),
                model: "m",
            };
            let held = wallet.hold(&job, &user(1), limits, NOW);
            wallet = book(held.expect("fits").into());
            let ended = match n % 3 {
                0 => wallet.capture(&job, Credits::of(3), NOW),
                1 => wallet.capture(&job, Credits::ZERO, NOW),
                _ => wallet.release(&job, NOW),
            };
            wallet = book(ended.expect("held"));
            let event = LedgerEvent {
                id: "e",
                actor: Actor::User(user(2)),
                description: "given",
            };
            let bought = wallet.add(Income::Purchase, Credits::of(3), &event, NOW);
            wallet = book(bought.expect("fits").into());
            let taken = wallet.take_back(Credits::of(2), &event, NOW);
            wallet = book(taken.expect("there").into());
        }
        (entries, wallet)
    }

    /// Replays the entries from an empty wallet.
    fn replayed(entries: &[Entry]) -> Result<Wallet, Flaw> {
        replayed_from(Wallet::empty(Tenant::User(user(1))), None, entries)
    }

    /// Replays the entries from a wallet that `before` led to.
    fn replayed_from(
        wallet: Wallet,
        before: Option<&Entry>,
        entries: &[Entry],
    ) -> Result<Wallet, Flaw> {
        let start = (wallet, before);
        let end = entries.iter().try_fold(start, |(wallet, before), entry| {
            Ok((wallet.replay(before, entry)?, Some(entry)))
        });
        end.map(|(wallet, _)| wallet)
    }

    /// Makes places, balances and hashes of the entries anew, as a forger with every right would.
    fn made_anew(mut entries: Vec<Entry>) -> Vec<Entry> {
        let (mut available, mut held, mut last) = (0, 0, Link::START);
        for (sequence, entry) in (1..).zip(&mut entries) {
            available += entry.available_delta;
            held += entry.held_delta;
            entry.available_after = Credits::new(available).expect("not below zero");
            entry.held_after = Credits::new(held).expect("not below zero");
            entry.sequence = sequence;
            entry.hash = entry.link(last);
            last = entry.hash;
        }
        entries
    }

    /// Makes two jobs: the first is delivered except for a share, and the second is in flight. The last
    /// entry is the share.
    fn delivered_in_part() -> (Vec<Entry>, Wallet) {
        let (mut entries, mut wallet) = ledger(0);
        let limits = Limits {
            in_flight_max: 9,
            unverified_max: None,
        };
        let ids = [1, 2].map(|n| GenerationId::new(NOW, n));
        let jobs = ids.each_ref().map(|generation| Charge {
            generation,
            cost: Credits::of(100),
            model: "m",
        });
        for job in &jobs {
            let Booked {
                wallet: next,
                entry,
                ..
            } = wallet.hold(job, &user(1), limits, NOW).expect("fits");
            entries.push(entry);
            wallet = next;
        }
        let ended = wallet.capture(&jobs[0], Credits::of(50), NOW);
        let ended = ended.expect("held");
        entries.extend(ended.entries);
        (entries, ended.wallet)
    }

    #[test]
    fn a_booking_that_its_entry_does_not_explain_is_found_before_it_is_written() {
        let wallet = Wallet::empty(Tenant::User(user(1)));
        let booked = wallet.bonus(&user(1), Credits::of(100), NOW).expect("fits");
        assert_eq!(booked.check(), Ok(()));
        let more = Wallet {
            available: Credits::of(101),
            ..booked.wallet.clone()
        };
        let unexplained = Booked {
            wallet: more,
            ..booked.clone()
        };
        assert_eq!(unexplained.check(), Err(Flaw::Amounts));
        let mut altered = booked;
        altered.entry.amount = Credits::of(101);
        assert_eq!(altered.check(), Err(Flaw::Altered));
    }

    /// Changes one field of the entry.
    fn change(entry: &mut Entry, field: usize) {
        let more = |credits: Credits| Credits::new(credits.get() + 1).expect("small");
        match field {
            0 => entry.id.push('x'),
            1 => entry.tenant = Tenant::User(user(3)),
            2 => {
                let mut kinds = EntryKind::ALL.into_iter();
                let other = kinds.find(|kind| *kind != entry.kind);
                entry.kind = other.expect("there are others");
            }
            3 => entry.amount = more(entry.amount),
            4 => entry.available_delta += 1,
            5 => entry.held_delta -= 1,
            6 => entry.available_after = more(entry.available_after),
            7 => entry.held_after = more(entry.held_after),
            8 => {
                entry.generation = match &entry.generation {
                    Some(_) => None,
                    None => Some(GenerationId::new(NOW, 77)),
                }
            }
            9 => entry.actor = Actor::User(user(9)),
            10 => entry.description.push('.'),
            11 => entry.created_at = Timestamp::from_ms(6),
            12 => entry.sequence += 1,
            _ => entry.hash = Link::START,
        }
    }

    proptest! {
        #[test]
        fn a_ledger_leads_to_its_wallet_from_any_point_of_it(rounds in 0_u128..8, at: prop::sample::Index) {
            let (entries, wallet) = ledger(rounds);
            let (before, after) = entries.split_at(at.index(entries.len()));
            let point = replayed(before).expect("in order");
            let end = replayed_from(point.clone(), before.last(), after);
            prop_assert_eq!(end, Ok(wallet.clone()));
            // The previous entry must be known only between the two entries of one booking, where no
            // checkpoint lies.
            let is_between = after.first().is_some_and(Entry::is_share);
            let unknown = replayed_from(point, None, after);
            prop_assert_eq!(unknown, if is_between { Err(Flaw::Amounts) } else { Ok(wallet) });
        }

        #[test]
        fn no_field_of_any_entry_can_be_changed(rounds in 1_u128..6, at: prop::sample::Index, field in 0_usize..14) {
            let (mut entries, _) = ledger(rounds);
            let at = at.index(entries.len());
            change(&mut entries[at], field);
            prop_assert!(replayed(&entries).is_err());
        }

        #[test]
        fn no_entry_can_be_removed_swapped_or_inserted(rounds in 1_u128..6, a: prop::sample::Index, b: prop::sample::Index) {
            let (entries, wallet) = ledger(rounds);
            let (a, b) = (a.index(entries.len()), b.index(entries.len()));
            let mut removed = entries.clone();
            removed.remove(a);
            prop_assert_ne!(replayed(&removed), Ok(wallet));
            let mut swapped = entries.clone();
            swapped.swap(a, b);
            prop_assert_eq!(replayed(&swapped).is_ok(), a == b);
            let mut inserted = entries.clone();
            inserted.insert(a, entries[b].clone());
            prop_assert!(replayed(&inserted).is_err());
        }

        #[test]
        fn a_hash_made_anew_breaks_the_entry_after_it(rounds in 1_u128..6, at: prop::sample::Index) {
            let (mut entries, wallet) = ledger(rounds);
            let at = at.index(entries.len());
            let before = at.checked_sub(1).map_or(Link::START, |before| entries[before].hash);
            entries[at].description.push('.');
            entries[at].hash = entries[at].link(before);
            prop_assert_ne!(replayed(&entries), Ok(wallet));
        }

        #[test]
        fn amounts_that_do_not_add_up_are_found_under_a_valid_hash(rounds in 1_u128..6, at: prop::sample::Index, field in 3_usize..8) {
            let (mut entries, wallet) = ledger(rounds);
            let at = at.index(entries.len());
            let before = at.checked_sub(1).map_or(Link::START, |before| entries[before].hash);
            change(&mut entries[at], field);
            entries[at].hash = entries[at].link(before);
            entries.truncate(at + 1);
            prop_assert_ne!(replayed(&entries), Ok(wallet));
            prop_assert_eq!(replayed(&entries), Err(Flaw::Amounts));
        }
    }

    #[test]
    fn a_share_belongs_to_the_capture_right_before_it() {
        let (entries, wallet) = delivered_in_part();
        assert_eq!(replayed(&made_anew(entries.clone())), Ok(wallet.clone()));
        let forged = |forge: &dyn Fn(&mut Vec<Entry>)| {
            let mut entries = entries.clone();
            forge(&mut entries);
            replayed(&made_anew(entries))
        };
        let share = entries.len() - 1;
        let (of_job, of_other) = (GenerationId::new(NOW, 1), GenerationId::new(NOW, 2));
        let id = |job: &GenerationId, ending: &str| format!("txn_{}-{ending}", job.ulid());

        let without_its_capture = forged(&|entries| drop(entries.remove(share - 1)));
        let before_its_capture = forged(&|entries| entries.swap(share - 1, share));
        let twice = forged(&|entries| entries.push(entries[share].clone()));
        let of_another_job = forged(&|entries| {
            entries[share].id = id(&of_other, WITHHELD);
            entries[share].generation = Some(of_other.clone());
        });
        let of_no_job = forged(&|entries| entries[share].generation = None);
        let under_anothers_name = forged(&|entries| entries[share].id = id(&of_other, WITHHELD));
        let a_capture_named_so = forged(&|entries| entries[share - 1].id = id(&of_job, WITHHELD));
        let of_nothing = forged(&|entries| {
            let entry = &mut entries[share];
            (entry.amount, entry.available_delta, entry.held_delta) = (Credits::ZERO, 0, 0);
        });
        for found in [
            without_its_capture,
            before_its_capture,
            twice,
            of_another_job,
            of_no_job,
            under_anothers_name,
            a_capture_named_so,
            of_nothing,
        ] {
            assert_eq!(found, Err(Flaw::Amounts));
        }
        // As a whole release it takes another job out of flight, which contradicts the wallet.
        let as_a_release = forged(&|entries| entries[share].id = id(&of_job, "release"));
        assert_eq!(as_a_release.map(|wallet| wallet.in_flight), Ok(0));
        assert_eq!(wallet.in_flight, 1);
    }
}
