//! Any interleaving of everything that moves credits, over three wallets. The ledger is checked against a
//! model that only knows the amount of each owner.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Actor, Booked, Charge, EntryKind, Income, LedgerEvent, Limits, Settled, Wallet};
use crate::credits::Credits;
use crate::ids::{GenerationId, Tenant, UserId};
use crate::time::Timestamp;

const WALLETS: usize = 3;
const NOW: Timestamp = Timestamp::from_ms(7);

/// A step that somebody tries. A number says which of the open holds or spent jobs it applies to.
#[derive(Clone, Copy, Debug)]
enum Step {
    Grant(u32),
    Redeem(u32),
    TakeBack(u32),
    Return(u32),
    ComeAgain(u32),
    Transfer(u32, usize),
    Hold(u32),
    /// Captures all of it, or all except for this many parts in a thousand.
    Capture(usize, i64),
    Release(usize),
    /// Refunds this many parts in a thousand.
    Refund(usize, i64),
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let step = prop_oneof![
        (1_u32..400).prop_map(Step::Grant),
        (1_u32..100).prop_map(Step::Redeem),
        (1_u32..300).prop_map(Step::TakeBack),
        (1_u32..300).prop_map(Step::Return),
        (1_u32..300).prop_map(Step::ComeAgain),
        (1_u32..300, 0..WALLETS).prop_map(|(amount, to)| Step::Transfer(amount, to)),
        (1_u32..200).prop_map(Step::Hold),
        any::<usize>().prop_map(|which| Step::Capture(which, 0)),
        (any::<usize>(), 0..=1_000_i64).prop_map(|(which, part)| Step::Capture(which, part)),
        any::<usize>().prop_map(Step::Release),
        (any::<usize>(), 1..=1_000_i64).prop_map(|(which, part)| Step::Refund(which, part)),
    ];
    (0..WALLETS, step)
}

/// The wallets, and the books of somebody who only reads the ledger.
struct Platform {
    users: Vec<UserId>,
    wallets: Vec<Wallet>,
    open: Vec<Vec<(GenerationId, Credits)>>,
    spent: Vec<Vec<(GenerationId, Credits)>>,
    sums: Vec<(i64, i64)>,
    ids: BTreeSet<(usize, String)>,
    ends: BTreeMap<String, u32>,
    /// The income from outside, less the credits that left.
    total: i64,
}

impl Platform {
    fn new() -> Self {
        let users: Vec<_> = (0..WALLETS).map(|n| UserId::new(NOW, n as u128)).collect();
        let tenants = users.iter().cloned().map(Tenant::User);
        Self {
            wallets: tenants.map(Wallet::empty).collect(),
            users,
            open: vec![Vec::new(); WALLETS],
            spent: vec![Vec::new(); WALLETS],
            sums: vec![(0, 0); WALLETS],
            ids: BTreeSet::new(),
            ends: BTreeMap::new(),
            total: 0,
        }
    }

    /// Tries a step. Returns its bookings, each with the number of its wallet.
    fn work(&mut self, n: usize, at: usize, step: Step) -> Vec<(usize, Settled)> {
        let id = format!("{n:026}");
        let event = LedgerEvent {
            id: &id,
            actor: Actor::System,
            description: "step",
        };
        let wallet = &self.wallets[at];
        let one = |booked: Booked| vec![(at, booked.into())];
        match step {
            Step::Grant(amount) => wallet
                .add(Income::Grant, Credits::of(amount), &event, NOW)
                .map_or_else(|_| Vec::new(), one),
            Step::Redeem(amount) => wallet
                .add(Income::Redeem, Credits::of(amount), &event, NOW)
                .map_or_else(|_| Vec::new(), one),
            Step::TakeBack(amount) => wallet
                .take_back(Credits::of(amount), &event, NOW)
                .map_or_else(|_| Vec::new(), one),
            Step::Return(amount) => wallet
                .take_back_or_owe(Credits::of(amount), &event, NOW)
                .map_or_else(|_| Vec::new(), one),
            Step::ComeAgain(amount) => wallet
                .give_back(Credits::of(amount), &event, NOW)
                .map_or_else(|_| Vec::new(), one),
            Step::Transfer(amount, to) => wallet
                .transfer(&self.wallets[to], Credits::of(amount), &event, NOW)
                .map_or_else(
                    |_| Vec::new(),
                    |transfer| vec![(at, transfer.out.into()), (to, transfer.into.into())],
                ),
            Step::Hold(cost) => self.hold(n, at, Credits::of(cost)),
            Step::Capture(which, part) => self.end(at, which, Some(part)),
            Step::Release(which) => self.end(at, which, None),
            Step::Refund(which, part) => self.refund(at, which, part),
        }
    }

    fn hold(&mut self, n: usize, at: usize, cost: Credits) -> Vec<(usize, Settled)> {
        let generation = GenerationId::new(NOW, n as u128);
        let job = Charge {
            generation: &generation,
            cost,
            model: "m",
        };
        let limits = Limits {
            in_flight_max: 4,
            unverified_max: None,
        };
        match self.wallets[at].hold(&job, &self.users[at], limits, NOW) {
            Ok(booked) => {
                self.open[at].push((generation, cost));
                vec![(at, booked.into())]
            }
            Err(_) => Vec::new(),
        }
    }

    /// Ends a job: releases it, or captures it except for this many parts in a thousand.
    fn end(&mut self, at: usize, which: usize, withheld: Option<i64>) -> Vec<(usize, Settled)> {
        if self.open[at].is_empty() {
            return Vec::new();
        }
        let which = which % self.open[at].len();
        let (generation, cost) = self.open[at].swap_remove(which);
        let job = Charge {
            generation: &generation,
            cost,
            model: "m",
        };
        *self.ends.entry(generation.as_str().to_owned()).or_default() += 1;
        let wallet = &self.wallets[at];
        let part = withheld.unwrap_or(1_000);
        let released = Credits::new(cost.get() * part / 1_000).expect("small");
        let settled = match withheld {
            Some(_) => wallet.capture(&job, released, NOW),
            None => wallet.release(&job, NOW),
        };
        let settled = settled.expect("it is held");
        let spent = cost.checked_sub(released).expect("a part");
        assert_eq!(settled.amount(EntryKind::Capture), spent);
        assert_eq!(settled.amount(EntryKind::Release), released);
        if spent > Credits::ZERO {
            self.spent[at].push((generation, spent));
        }
        vec![(at, settled)]
    }

    /// Refunds a part of the credits spent on a job, in parts of a thousand.
    fn refund(&mut self, at: usize, which: usize, part: i64) -> Vec<(usize, Settled)> {
        if self.spent[at].is_empty() {
            return Vec::new();
        }
        let which = which % self.spent[at].len();
        let (job, spent) = self.spent[at].swap_remove(which);
        let amount = Credits::new((spent.get() * part / 1_000).max(1)).expect("small");
        let because = (Actor::System, "step");
        let booked = self.wallets[at].refund(&job, amount, because, NOW);
        vec![(at, booked.expect("it was spent").into())]
    }

    /// Enters a booking, and checks it against everything that was entered before.
    fn enter(&mut self, at: usize, settled: Settled) -> Result<(), TestCaseError> {
        prop_assert_eq!(settled.check(), Ok(()));
        let (mut wallet, mut before) = (self.wallets[at].clone(), None);
        for entry in &settled.entries {
            let is_spent = [EntryKind::Hold, EntryKind::TransferOut].contains(&entry.kind);
            prop_assert!(!is_spent || entry.amount <= wallet.spendable());
            let replayed = wallet.replay(before, entry);
            wallet = replayed.map_err(|flaw| TestCaseError::fail(format!("{flaw:?}")))?;
            before = Some(entry);
            prop_assert!(
                self.ids.insert((at, entry.id.clone())),
                "{} twice",
                entry.id
            );
            let sum = &mut self.sums[at];
            *sum = (sum.0 + entry.available_delta, sum.1 + entry.held_delta);
            prop_assert_eq!((wallet.available.get(), wallet.held.get()), *sum);
            prop_assert!(sum.0 >= 0 && sum.1 >= 0);
            self.total += match entry.kind {
                EntryKind::TransferIn | EntryKind::TransferOut | EntryKind::Hold => 0,
                EntryKind::Release => 0,
                EntryKind::Bonus
                | EntryKind::Purchase
                | EntryKind::Grant
                | EntryKind::Redeem
                | EntryKind::Refund
                | EntryKind::Adjustment => entry.available_delta,
                EntryKind::Capture => entry.held_delta,
            };
        }
        prop_assert_eq!(&wallet, &settled.wallet);
        self.wallets[at] = wallet;
        Ok(())
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let there = self.sums.iter().map(|(available, held)| available + held);
        prop_assert_eq!(there.sum::<i64>(), self.total);
        for (wallet, open) in self.wallets.iter().zip(&self.open) {
            let held: i64 = open.iter().map(|(_, cost)| cost.get()).sum();
            prop_assert_eq!(wallet.held.get(), held);
            prop_assert_eq!(wallet.in_flight as usize, open.len());
            prop_assert_eq!(
                wallet.available.get() + wallet.held.get() + wallet.lifetime_spent.get(),
                wallet.lifetime_granted.get()
            );
        }
        prop_assert!(self.ends.values().all(|times| *times == 1));
        Ok(())
    }
}

proptest! {
    #[test]
    fn whatever_happens_in_whatever_order_no_credit_is_lost_invented_or_spent_twice(
        steps in prop::collection::vec(step(), 1..150)
    ) {
        let mut platform = Platform::new();
        for (n, (at, step)) in steps.into_iter().enumerate() {
            for (at, settled) in platform.work(n, at, step) {
                platform.enter(at, settled)?;
            }
            platform.check()?;
        }
    }
}
