//! The wallet and its ledger. Owns the arithmetic of every booking. Each booking makes the next wallet and
//! exactly one entry, whose deltas are the difference, and whose hash covers it and every entry before it;
//! the end of a hold may be two bookings, one after the other. Refuses to know how wallet and entries are
//! committed (the store writes them in one transaction, on condition that the wallet still has the version
//! that the booking started from).

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod ends;
#[cfg(test)]
mod interleavings;
mod moves;
mod replay;
mod returns;

use std::fmt;

use thiserror::Error;

use crate::alerts::Watch;
use crate::chain::Link;
use crate::credits::Credits;
use crate::ids::{GenerationId, Tenant, UserId};
use crate::refusal::Refusal;
use crate::time::Timestamp;

pub use ends::Settled;
pub use moves::Transfer;

/// A tenant's present credits. All of it follows from the ledger, except for the watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wallet {
    /// The owner.
    pub tenant: Tenant,
    /// Credits that can be spent.
    pub available: Credits,
    /// Credits that are held for jobs in flight.
    pub held: Credits,
    /// The sum of all credits ever granted or bought.
    pub lifetime_granted: Credits,
    /// The sum of all credits ever captured.
    pub lifetime_spent: Credits,
    /// Bought credits that had been used when their money was returned. As many of the credits that come in
    /// cannot be spent.
    pub owed: Credits,
    /// The number of jobs whose hold is open.
    pub in_flight: u32,
    /// The number of bookings, which is the last entry's sequence and the condition of the next booking.
    pub version: u64,
    /// The hash of the last entry, which the next one follows.
    pub last: Link,
    /// The alerts that its owner wants; no booking changes them.
    pub watch: Watch,
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// The sign-up bonus.
    Bonus,
    /// Credits bought.
    Purchase,
    /// Credits given by an admin.
    Grant,
    /// Credits given for a promo code.
    Redeem,
    /// Credits from another wallet.
    TransferIn,
    /// Credits moved to another wallet.
    TransferOut,
    /// Credits set aside for a job.
    Hold,
    /// Held credits spent, because the job was delivered.
    Capture,
    /// Held credits given back, because the job was not delivered or a part of it was withheld.
    Release,
    /// Spent credits given back.
    Refund,
    /// A correction by an admin, or credits taken back with a returned purchase.
    Adjustment,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Bonus,
        Self::Purchase,
        Self::Grant,
        Self::Redeem,
        Self::TransferIn,
        Self::TransferOut,
        Self::Hold,
        Self::Capture,
        Self::Release,
        Self::Refund,
        Self::Adjustment,
    ];

    /// The name in the API, and the end of the entry's id; only the entry of a withheld share has another
    /// end.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bonus => "bonus",
            Self::Purchase => "purchase",
            Self::Grant => "grant",
            Self::Redeem => "redeem",
            Self::TransferIn => "transfer_in",
            Self::TransferOut => "transfer_out",
            Self::Hold => "hold",
            Self::Capture => "capture",
            Self::Release => "release",
            Self::Refund => "refund",
            Self::Adjustment => "adjustment",
        }
    }

    /// Returns the kind named `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The kinds of income of a wallet, apart from the ends of jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Income {
    /// The sign-up bonus.
    Bonus,
    /// Credits bought.
    Purchase,
    /// Credits given by an admin.
    Grant,
    /// Credits given for a promo code.
    Redeem,
    /// An upward correction by an admin.
    Adjustment,
}

impl Income {
    const fn kind(self) -> EntryKind {
        match self {
            Self::Bonus => EntryKind::Bonus,
            Self::Purchase => EntryKind::Purchase,
            Self::Grant => EntryKind::Grant,
            Self::Redeem => EntryKind::Redeem,
            Self::Adjustment => EntryKind::Adjustment,
        }
    }
}

/// The cause of a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A person.
    User(UserId),
    /// Velro itself: a worker or a job.
    System,
}

impl Actor {
    /// Reads an actor that was written as `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "system" {
            Some(Self::System)
        } else {
            UserId::parse(text).map(Self::User)
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::System => f.write_str("system"),
        }
    }
}

/// An entry of the ledger, which is written once and never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `txn_<event>-<kind>`, where the event is the ULID of the booked event: the same event always makes
    /// the same id. The share that is given back for withheld files of a job is `txn_<ulid>-withheld`.
    pub id: String,
    /// The owner of the wallet.
    pub tenant: Tenant,
    /// Its kind.
    pub kind: EntryKind,
    /// The amount; zero only for a sign-up bonus that the operator set to zero.
    pub amount: Credits,
    /// The change of `available`.
    pub available_delta: i64,
    /// The change of `held`.
    pub held_delta: i64,
    /// The change of `owed`.
    pub owed_delta: i64,
    /// `available` afterwards.
    pub available_after: Credits,
    /// `held` afterwards.
    pub held_after: Credits,
    /// The generation that it belongs to.
    pub generation: Option<GenerationId>,
    /// The one who caused it.
    pub actor: Actor,
    /// One line for people.
    pub description: String,
    /// When it was booked.
    pub created_at: Timestamp,
    /// Its place in the tenant's ledger, from 1, without gaps.
    pub sequence: u64,
    /// The hash of all this and of the previous entry.
    pub hash: Link,
}

/// A booking that is worked out but not written: the wallet after it, and its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    /// The wallet afterwards.
    pub wallet: Wallet,
    /// The one entry.
    pub entry: Entry,
    /// The wallet before.
    before: Wallet,
}

impl Booked {
    /// The wallet before the booking.
    #[must_use]
    pub const fn before(&self) -> &Wallet {
        &self.before
    }
}

/// The limits of a tenant, beyond the balance of the wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most jobs in flight.
    pub in_flight_max: u32,
    /// The most that may ever be spent while the owner's e-mail is not verified; `None` once it is.
    pub unverified_max: Option<Credits>,
}

/// A job that credits are held for.
#[derive(Clone, Debug)]
pub struct Charge<'a> {
    /// The job's id.
    pub generation: &'a GenerationId,
    /// The price.
    pub cost: Credits,
    /// The model's id, for the description.
    pub model: &'a str,
}

/// An event that brings credits into a wallet or takes them out of it, other than a job.
#[derive(Clone, Debug)]
pub struct LedgerEvent<'a> {
    /// The unique name of the event: a ULID, or another name of letters and digits that is never used
    /// twice.
    pub id: &'a str,
    /// The one who caused it.
    pub actor: Actor,
    /// One line for people.
    pub description: &'a str,
}

impl<'a> LedgerEvent<'a> {
    fn line(&self, kind: EntryKind, amount: Credits, now: Timestamp) -> Line<'a> {
        Line {
            ulid: self.id,
            kind,
            ending: kind.as_str(),
            amount,
            generation: None,
            actor: self.actor.clone(),
            description: self.description.to_owned(),
            now,
        }
    }
}

/// The error for stored numbers that contradict each other: a fault of ours, never the client's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the wallet of {tenant} cannot book this {kind} of {amount}: it does not hold that much")]
pub struct Broken {
    tenant: String,
    kind: &'static str,
    amount: Credits,
}

struct Line<'a> {
    ulid: &'a str,
    kind: EntryKind,
    /// The end of the entry's id.
    ending: &'static str,
    amount: Credits,
    generation: Option<&'a GenerationId>,
    actor: Actor,
    description: String,
    now: Timestamp,
}

impl Wallet {
    /// The wallet of a new tenant: empty, without any booking.
    #[must_use]
    pub fn empty(tenant: Tenant) -> Self {
        Self {
            tenant,
            available: Credits::ZERO,
            held: Credits::ZERO,
            lifetime_granted: Credits::ZERO,
            lifetime_spent: Credits::ZERO,
            owed: Credits::ZERO,
            in_flight: 0,
            version: 0,
            last: Link::START,
            watch: Watch::default(),
        }
    }

    /// Books a new user's sign-up bonus, even if it is zero: this entry creates the wallet.
    ///
    /// # Errors
    /// [`Broken`] if the wallet would exceed [`Credits::MAX`].
    pub fn bonus(&self, user: &UserId, amount: Credits, now: Timestamp) -> Result<Booked, Broken> {
        let event = LedgerEvent {
            id: user.ulid(),
            actor: Actor::System,
            description: "Sign-up bonus",
        };
        self.add(Income::Bonus, amount, &event, now)
    }

    /// Books credits that come in with `event`.
    ///
    /// # Errors
    /// [`Broken`] if the wallet would exceed [`Credits::MAX`].
    pub fn add(
        &self,
        income: Income,
        amount: Credits,
        event: &LedgerEvent<'_>,
        now: Timestamp,
    ) -> Result<Booked, Broken> {
        let kind = income.kind();
        let broken = || self.broken(kind, amount);
        let next = Self {
            available: self.available.checked_add(amount).ok_or_else(broken)?,
            lifetime_granted: self
                .lifetime_granted
                .checked_add(amount)
                .ok_or_else(broken)?,
            ..self.clone()
        };
        Ok(self.book(next, event.line(kind, amount, now)))
    }

    /// Books credits that an admin, or the return of a purchase, takes back with `event`: never more than
    /// are available.
    ///
    /// # Errors
    /// [`Refusal::OutOfCredits`] if less is available.
    pub fn take_back(
        &self,
        amount: Credits,
        event: &LedgerEvent<'_>,
        now: Timestamp,
    ) -> Result<Booked, Refusal> {
        let short = Refusal::OutOfCredits {
            needed: amount,
            available: self.available,
        };
        let granted = self.lifetime_granted.checked_sub(amount);
        let next = Self {
            available: self.available.checked_sub(amount).ok_or(short.clone())?,
            lifetime_granted: granted.ok_or(short)?,
            ..self.clone()
        };
        Ok(self.book(next, event.line(EntryKind::Adjustment, amount, now)))
    }

    /// Holds the cost of `job`.
    ///
    /// # Errors
    /// [`Refusal::OutOfCredits`] if less can be spent, then [`Refusal::Unverified`] and
    /// [`Refusal::ConcurrencyLimit`] if it exceeds one of the `limits`.
    pub fn hold(
        &self,
        job: &Charge<'_>,
        actor: &UserId,
        limits: Limits,
        now: Timestamp,
    ) -> Result<Booked, Refusal> {
        let short = Refusal::OutOfCredits {
            needed: job.cost,
            available: self.spendable(),
        };
        let available = self.available.checked_sub(job.cost);
        let available = available
            .filter(|_| job.cost <= self.spendable())
            .ok_or(short.clone())?;
        if let Some(limit) = limits.unverified_max {
            let committed = self.lifetime_spent.checked_add(self.held);
            let committed = committed.and_then(|sum| sum.checked_add(job.cost));
            if committed.is_none_or(|sum| sum > limit) {
                return Err(Refusal::Unverified { limit });
            }
        }
        if self.in_flight >= limits.in_flight_max {
            let limit = limits.in_flight_max;
            return Err(Refusal::ConcurrencyLimit { limit });
        }
        let held = self.held.checked_add(job.cost).ok_or(short)?;
        let next = Self {
            available,
            held,
            in_flight: self.in_flight.strict_add(1),
            ..self.clone()
        };
        let actor = Actor::User(actor.clone());
        Ok(self.book(
            next,
            Self::line(job, (EntryKind::Hold, "Held for"), actor, now),
        ))
    }

    fn line<'a>(
        job: &Charge<'a>,
        (kind, what): (EntryKind, &str),
        actor: Actor,
        now: Timestamp,
    ) -> Line<'a> {
        Line {
            ulid: job.generation.ulid(),
            kind,
            ending: kind.as_str(),
            amount: job.cost,
            generation: Some(job.generation),
            actor,
            description: format!("{what} {}", job.model),
            now,
        }
    }

    fn book(&self, next: Self, line: Line<'_>) -> Booked {
        let mut wallet = Self {
            version: self.version.strict_add(1),
            ..next
        };
        let mut entry = Entry {
            id: format!("txn_{}-{}", line.ulid, line.ending),
            tenant: self.tenant.clone(),
            kind: line.kind,
            amount: line.amount,
            available_delta: wallet.available.minus(self.available),
            held_delta: wallet.held.minus(self.held),
            owed_delta: wallet.owed.minus(self.owed),
            available_after: wallet.available,
            held_after: wallet.held,
            generation: line.generation.cloned(),
            actor: line.actor,
            description: line.description,
            created_at: line.now,
            sequence: wallet.version,
            hash: Link::START,
        };
        entry.hash = entry.link(self.last);
        wallet.last = entry.hash;
        Booked {
            wallet,
            entry,
            before: self.clone(),
        }
    }

    fn broken(&self, kind: EntryKind, amount: Credits) -> Broken {
        Broken {
            tenant: self.tenant.to_string(),
            kind: kind.as_str(),
            amount,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        in_flight_max: 10,
        unverified_max: None,
    };

    #[test]
    fn an_empty_wallet_is_out_of_credits_before_it_is_too_busy() {
        let now = Timestamp::from_ms(1);
        let user = UserId::new(now, 1);
        let generation = GenerationId::new(now, 2);
        let job = Charge {
            generation: &generation,
            cost: Credits::of(5),
            model: "m",
        };
        let none = Limits {
            in_flight_max: 0,
            unverified_max: Some(Credits::ZERO),
        };
        let refused = Wallet::empty(Tenant::User(user.clone())).hold(&job, &user, none, now);
        assert_eq!(
            refused,
            Err(Refusal::OutOfCredits {
                needed: Credits::of(5),
                available: Credits::ZERO
            })
        );
    }

    #[test]
    fn the_same_event_can_only_make_the_same_entry_id() {
        let now = Timestamp::from_ms(1);
        let user = UserId::new(now, 1);
        let wallet = Wallet::empty(Tenant::User(user.clone()));
        let booked = wallet.bonus(&user, Credits::of(1000), now).expect("books");
        assert_eq!(booked.entry.id, format!("txn_{}-bonus", user.ulid()));
    }

    #[test]
    fn an_unverified_user_spends_the_bonus_and_no_more_however_it_is_split() {
        let now = Timestamp::from_ms(1);
        let user = UserId::new(now, 1);
        let event = LedgerEvent {
            id: "event",
            actor: Actor::System,
            description: "given",
        };
        let empty = Wallet::empty(Tenant::User(user.clone()));
        let rich = empty.add(Income::Grant, Credits::of(5_000), &event, now);
        let mut wallet = rich.expect("books").wallet;
        let limits = Limits {
            in_flight_max: 100,
            unverified_max: Some(Credits::of(1_000)),
        };
        for n in 0..4_u128 {
            let generation = GenerationId::new(now, n);
            let job = Charge {
                generation: &generation,
                cost: Credits::of(250),
                model: "m",
            };
            wallet = wallet
                .hold(&job, &user, limits, now)
                .expect("within")
                .wallet;
            // Spent credits and held ones both count.
            if n % 2 == 0 {
                let spent = wallet.capture(&job, Credits::ZERO, now);
                wallet = spent.expect("held").wallet;
            }
        }
        let generation = GenerationId::new(now, 9);
        let job = Charge {
            generation: &generation,
            cost: Credits::of(1),
            model: "m",
        };
        let refused = wallet.hold(&job, &user, limits, now);
        let limit = Credits::of(1_000);
        assert_eq!(refused, Err(Refusal::Unverified { limit }));
        assert!(wallet.hold(&job, &user, LIMITS, now).is_ok());
    }
}
