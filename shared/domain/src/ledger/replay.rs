//! The ledger, checked: starting from a wallet as it was, each entry must be what a booking on it would have left.
//!
//! Owns what each kind of entry does to a wallet, written a second time and from the entry alone, so that a mistake in
//! the bookings shows. Refuses to repair: it says what is wrong first.

use super::{Entry, EntryKind, Wallet};
use crate::chain::{Encoding, Flaw, Link};
use crate::credits::Credits;

impl Entry {
    /// The hash of this entry as the one after `previous`.
    pub(super) fn link(&self, previous: Link) -> Link {
        Encoding::after(previous, "ledger-1")
            .text(&self.id)
            .text(self.tenant.as_str())
            .text(self.kind.as_str())
            .number(self.amount.get())
            .number(self.available_delta)
            .number(self.held_delta)
            .number(self.available_after.get())
            .number(self.held_after.get())
            .optional(self.generation.as_ref().map(|id| id.as_str()))
            .text(&self.actor.to_string())
            .text(&self.description)
            .number(self.created_at.ms())
            .count(self.sequence)
            .link()
    }

    /// Whether the deltas are what the kind and the amount say.
    fn deltas_fit(&self) -> bool {
        let (available, held) = (self.available_delta, self.held_delta);
        let amount = self.amount.get();
        match self.kind {
            EntryKind::Bonus
            | EntryKind::Purchase
            | EntryKind::Grant
            | EntryKind::Redeem
            | EntryKind::TransferIn
            | EntryKind::Refund => (available, held) == (amount, 0),
            EntryKind::TransferOut => (available, held) == (-amount, 0),
            EntryKind::Hold => (available, held) == (-amount, amount),
            EntryKind::Capture => (available, held) == (0, -amount),
            EntryKind::Release => (available, held) == (amount, -amount),
            EntryKind::Adjustment => available.abs() == amount && held == 0,
        }
    }
}

impl Wallet {
    /// The wallet after `entry`, worked out from the entry and checked against everything that it says.
    ///
    /// # Errors
    /// The first [`Flaw`] found.
    pub fn replay(&self, entry: &Entry) -> Result<Self, Flaw> {
        if entry.sequence != self.version.saturating_add(1) {
            return Err(Flaw::OutOfPlace);
        }
        if entry.tenant != self.tenant || entry.hash != entry.link(self.last) {
            return Err(Flaw::Altered);
        }
        let next = self.after(entry).ok_or(Flaw::Amounts)?;
        let is_right = entry.deltas_fit()
            && next.available == entry.available_after
            && next.held == entry.held_after;
        if is_right {
            Ok(next)
        } else {
            Err(Flaw::Amounts)
        }
    }

    /// What is left is what came in and was not spent; an amount never goes below zero.
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
            in_flight,
            version: entry.sequence,
            last: entry.hash,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::ids::{GenerationId, Tenant, UserId};
    use crate::ledger::{Actor, Booked, Event, Income, Job, Limits};
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_ms(5);

    fn user(n: u128) -> UserId {
        UserId::new(NOW, n)
    }

    /// A ledger of `rounds` jobs, with the wallet that it leads to.
    fn ledger(rounds: u128) -> (Vec<Entry>, Wallet) {
        let tenant = Tenant::User(user(1));
        let mut entries = Vec::new();
        let mut wallet = Wallet::empty(tenant);
        let mut book = |booked: Booked| {
            entries.push(booked.entry);
            booked.wallet
        };
        wallet = book(
            wallet
                .bonus(&user(1), Credits::of(1_000), NOW)
                .expect("fits"),
        );
        let limits = Limits {
            in_flight_max: 9,
            unverified_max: None,
        };
        for n in 0..rounds {
            let generation = GenerationId::new(NOW, n);
            let job = Job {
                generation: &generation,
                cost: Credits::of(7),
                model: "m",
            };
            wallet = book(wallet.hold(&job, &user(1), limits, NOW).expect("fits"));
            let ended = if n % 2 == 0 {
                wallet.capture(&job, NOW)
            } else {
                wallet.release(&job, NOW)
            };
            wallet = book(ended.expect("held"));
            let event = Event {
                id: "e",
                actor: Actor::User(user(2)),
                description: "given",
            };
            wallet = book(
                wallet
                    .add(Income::Purchase, Credits::of(3), &event, NOW)
                    .expect("fits"),
            );
            wallet = book(
                wallet
                    .take_back(Credits::of(2), &event, NOW)
                    .expect("there"),
            );
        }
        (entries, wallet)
    }

    /// Where the entries lead, from nothing.
    fn replayed(entries: &[Entry]) -> Result<Wallet, Flaw> {
        let empty = Wallet::empty(Tenant::User(user(1)));
        entries
            .iter()
            .try_fold(empty, |wallet, entry| wallet.replay(entry))
    }

    /// One field of the entry, changed.
    fn change(entry: &mut Entry, field: usize) {
        let more = |credits: Credits| Credits::new(credits.get() + 1).expect("small");
        match field {
            0 => entry.id.push('x'),
            1 => entry.tenant = Tenant::User(user(3)),
            2 => {
                let mut others = EntryKind::ALL
                    .into_iter()
                    .filter(|kind| *kind != entry.kind);
                entry.kind = others.next_back().expect("there are others");
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
            let end = after.iter().try_fold(point, |wallet, entry| wallet.replay(entry));
            prop_assert_eq!(end, Ok(wallet));
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
}
