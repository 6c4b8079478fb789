//! Any interleaving of the commitments of members in a team's wallet, under caps that change, with an API
//! key that has a cap of its own, across the ends of months. The result is checked against books that only
//! record the cost of each job and the credits that it gave back.

use proptest::prelude::*;

use super::{Allowance, Bounds};
use crate::api_keys::{ApiKey, Cap, CapPeriod, KeyRequest, Remaining};
use crate::credits::Credits;
use crate::ids::{GenerationId, KeyId, TeamId, Tenant, UserId};
use crate::ledger::{Actor, Charge, EntryKind, Income, LedgerEvent, Limits, Settled, Wallet};
use crate::refusal::Refusal;
use crate::time::Timestamp;

const MEMBERS: usize = 3;
const MONTH_MS: i64 = 31 * 24 * 60 * 60 * 1_000;
const KEY_CAP: u32 = 150;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A member moves their own credits into the team's wallet.
    Fund(usize, u32),
    /// A member orders a job, with the key or without.
    Order(usize, u32, bool),
    /// A job ends, and this many parts in a thousand of it are given back.
    End(usize, i64),
    /// A job that was paid for is refunded.
    Refund(usize),
    /// A member gets another cap, or none.
    Cap(usize, Option<u32>),
    /// The month ends.
    MonthEnds,
}

fn step() -> impl Strategy<Value = Step> {
    let member = 0..MEMBERS;
    prop_oneof![
        (member.clone(), 1_u32..200).prop_map(|(who, amount)| Step::Fund(who, amount)),
        (member.clone(), 1_u32..80, any::<bool>())
            .prop_map(|(who, cost, key)| Step::Order(who, cost, key)),
        (member.clone(), 1_u32..80, any::<bool>())
            .prop_map(|(who, cost, key)| Step::Order(who, cost, key)),
        (any::<usize>(), 0..=1_000_i64).prop_map(|(which, part)| Step::End(which, part)),
        any::<usize>().prop_map(Step::Refund),
        (member, prop::option::of(1_u32..300)).prop_map(|(who, cap)| Step::Cap(who, cap)),
        Just(Step::MonthEnds),
    ]
}

/// A job of the team's.
#[derive(Clone, Debug)]
struct Job {
    id: GenerationId,
    member: usize,
    month: usize,
    with_key: bool,
    cost: Credits,
    spent: Credits,
}

struct Team {
    wallet: Wallet,
    own: Vec<Wallet>,
    caps: Vec<Option<Credits>>,
    /// The committed credits, by month and member.
    committed: Vec<[i64; MEMBERS]>,
    key: ApiKey,
    open: Vec<Job>,
    ended: Vec<Job>,
    refunded: Vec<Job>,
}

impl Team {
    fn new() -> Self {
        let start = Timestamp::from_ms(0);
        let users = (0..MEMBERS).map(|n| UserId::new(start, n as u128));
        let own = users.map(|user| {
            let event = LedgerEvent {
                id: user.ulid(),
                actor: Actor::System,
                description: "given",
            };
            let wallet = Wallet::empty(Tenant::from(&user));
            let given = wallet.add(Income::Grant, Credits::of(1_000), &event, start);
            given.expect("fits").wallet
        });
        let cap = Cap {
            credits: Credits::of(KEY_CAP),
            period: CapPeriod::Month,
        };
        Self {
            wallet: Wallet::empty(Tenant::from(&TeamId::new(start, 9))),
            own: own.collect(),
            caps: vec![None; MEMBERS],
            committed: vec![[0; MEMBERS]],
            key: ApiKey {
                id: KeyId::new(start, 1),
                user: UserId::new(start, 0),
                request: KeyRequest {
                    name: None,
                    scopes: Vec::new(),
                    cap: Some(cap),
                    expires_at: None,
                },
                remaining: Some(Remaining {
                    credits: cap.credits,
                    counted_in: None,
                }),
                last_used_at: None,
                created_at: start,
            },
            open: Vec::new(),
            ended: Vec::new(),
            refunded: Vec::new(),
        }
    }

    fn month(&self) -> usize {
        self.committed.len() - 1
    }

    fn now(&self) -> Timestamp {
        // Months have at most 31 days, so 31 days later is always another month.
        Timestamp::from_ms(self.month() as i64 * MONTH_MS)
    }

    fn take(&mut self, n: usize, step: Step) {
        match step {
            Step::Fund(who, amount) => self.fund(n, who, Credits::of(amount)),
            Step::Order(who, cost, with_key) => self.order(n, who, Credits::of(cost), with_key),
            Step::End(which, part) => self.end(which, part),
            Step::Refund(which) => self.refund(which),
            Step::Cap(who, cap) => self.caps[who] = cap.map(Credits::of),
            Step::MonthEnds => self.committed.push([0; MEMBERS]),
        }
    }

    fn fund(&mut self, n: usize, who: usize, amount: Credits) {
        let id = format!("{n:026}");
        let event = LedgerEvent {
            id: &id,
            actor: Actor::System,
            description: "moved",
        };
        let moved = self.own[who].transfer(&self.wallet, amount, &event, self.now());
        if let Ok(moved) = moved {
            (self.own[who], self.wallet) = (moved.out.wallet, moved.into.wallet);
        }
    }

    fn order(&mut self, n: usize, member: usize, cost: Credits, with_key: bool) {
        let (now, month) = (self.now(), self.month());
        let allowance = Allowance {
            cap: self.caps[member],
            committed: Credits::new(self.committed[month][member]).expect("never below zero"),
        };
        let bounds = Bounds {
            wallet: self.wallet.spendable(),
            member: Some(allowance),
            key: with_key.then(|| self.key.left(now)).flatten(),
        };
        let fits = bounds.check(cost);
        let is_short = |left: Option<Credits>| left.is_some_and(|left| left < cost);
        let is_refused =
            is_short(Some(bounds.wallet)) || is_short(allowance.left()) || is_short(bounds.key);
        assert_eq!(fits.is_err(), is_refused, "{bounds:?}");
        assert!(!matches!(fits, Err(Refusal::KeyCapReached)) || with_key);
        if fits.is_err() {
            return;
        }
        let id = GenerationId::new(now, n as u128);
        let what = Charge {
            generation: &id,
            cost,
            model: "m",
        };
        let limits = Limits {
            in_flight_max: u32::MAX,
            unverified_max: None,
        };
        let user = UserId::new(Timestamp::from_ms(0), member as u128);
        let held = self
            .wallet
            .hold(&what, &user, limits, now)
            .expect("it fits");
        self.wallet = held.wallet;
        self.committed[month][member] += cost.get();
        if with_key {
            let left = self.key.left(now).expect("it has a cap");
            self.key.remaining = Some(Remaining {
                credits: left.checked_sub(cost).expect("it fits"),
                counted_in: CapPeriod::Month.at(now),
            });
        }
        self.open.push(Job {
            id,
            member,
            month,
            with_key,
            cost,
            spent: Credits::ZERO,
        });
    }

    fn end(&mut self, which: usize, part: i64) {
        if self.open.is_empty() {
            return;
        }
        let mut job = self.open.swap_remove(which % self.open.len());
        let released = Credits::new(job.cost.get() * part / 1_000).expect("small");
        let what = Charge {
            generation: &job.id,
            cost: job.cost,
            model: "m",
        };
        let settled = self.wallet.capture(&what, released, self.now());
        let settled: Settled = settled.expect("it is held");
        job.spent = settled.amount(EntryKind::Capture);
        self.give_back(&job, settled.amount(EntryKind::Release));
        self.wallet = settled.wallet;
        self.ended.push(job);
    }

    fn refund(&mut self, which: usize) {
        self.ended.retain(|job| job.spent > Credits::ZERO);
        if self.ended.is_empty() {
            return;
        }
        let job = self.ended.swap_remove(which % self.ended.len());
        let because = (Actor::System, "sorry");
        let booked = self.wallet.refund(&job.id, job.spent, because, self.now());
        self.wallet = booked.expect("it was spent").wallet;
        self.give_back(&job, job.spent);
        self.refunded.push(job);
    }

    /// Credits that come back go to the month and to the key's period from which they were taken.
    fn give_back(&mut self, job: &Job, amount: Credits) {
        self.committed[job.month][job.member] -= amount.get();
        let taken_in = CapPeriod::Month.at(job.opened_at());
        let remaining = self.key.remaining.as_mut().expect("it has a cap");
        if job.with_key && remaining.counted_in == taken_in {
            remaining.credits = remaining.credits.checked_add(amount).expect("small");
        }
    }

    fn check(&self) {
        let mut expected = vec![[0; MEMBERS]; self.committed.len()];
        let mut by_key = 0;
        let open = self.open.iter().map(|job| (job, job.cost));
        let ended = self.ended.iter().map(|job| (job, job.spent));
        for (job, amount) in open.chain(ended) {
            expected[job.month][job.member] += amount.get();
            if job.with_key && job.month == self.month() {
                by_key += amount.get();
            }
        }
        assert_eq!(self.committed, expected);
        let left = self.key.left(self.now()).expect("it has a cap").get();
        assert_eq!(left, i64::from(KEY_CAP) - by_key);
        assert!(left >= 0);
        let own = self
            .own
            .iter()
            .map(|wallet| wallet.available.get() + wallet.held.get());
        let team =
            self.wallet.available.get() + self.wallet.held.get() + self.wallet.lifetime_spent.get();
        assert_eq!(
            own.sum::<i64>() + team,
            1_000 * MEMBERS as i64,
            "moved, never mixed"
        );
    }
}

impl Job {
    /// When the job was opened.
    fn opened_at(&self) -> Timestamp {
        Timestamp::from_ms(self.month as i64 * MONTH_MS)
    }
}

proptest! {
    #[test]
    fn no_member_and_no_key_gets_beyond_a_cap_and_all_comes_back_to_where_it_was_taken(
        steps in prop::collection::vec(step(), 1..120)
    ) {
        let mut team = Team::new();
        for (n, step) in steps.into_iter().enumerate() {
            let (month, before) = (team.month(), team.committed[team.month()]);
            team.take(n, step);
            team.check();
            for (member, cap) in team.caps.iter().enumerate() {
                let committed = team.committed[month][member];
                // A cap that was lowered may be below the committed credits, but nothing is added to those.
                let is_within = cap.is_none_or(|cap| committed <= cap.get());
                prop_assert!(is_within || committed <= before[member]);
            }
        }
    }
}
