//! Buying credits: the packs, and what became of each payment.
//!
//! What the payment service tells comes any number of times and in any order, so each thing that it tells is a fact
//! that is learned, never a command: learning one twice, or late, changes nothing. [`Payment::step`] compares what is
//! known with what is booked and says the next booking, until nothing is owed either way. So a refund that comes before
//! its purchase is simply known when the purchase is booked, and is booked after it.
//!
//! Credits for which the money went back are taken back in proportion, rounded up: no credit stays that was not paid
//! for. What a wallet no longer has cannot be taken; it becomes what the wallet owes ([`crate::ledger::Wallet::owed`]),
//! is in the ledger entry, and cannot be spent when it comes (from a job that is released, or a later purchase).

use crate::accounts::Plan;
use crate::credits::Credits;
use crate::ids::UserId;
use crate::time::Timestamp;

/// How many disputes one payment can have: far more than a card network allows.
const DISPUTES_MAX: usize = 16;

/// Credits for sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its id in the API.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What its buyer gets.
    pub credits: Credits,
    /// What it costs, in the currency's smallest unit.
    pub amount_minor: u32,
    /// ISO 4217, lower case.
    pub currency: &'static str,
    /// The plan that its buyer has from then on, unless they have a larger one.
    pub plan: Option<Plan>,
}

/// Every pack, the smallest first.
const PACKS: [Pack; 3] = [
    Pack {
        id: "starter",
        name: "1,000 credits",
        credits: Credits::of(1_000),
        amount_minor: 1_000,
        currency: "usd",
        plan: None,
    },
    Pack {
        id: "creator",
        name: "6,000 credits and the basic plan",
        credits: Credits::of(6_000),
        amount_minor: 5_000,
        currency: "usd",
        plan: Some(Plan::Basic),
    },
    Pack {
        id: "studio",
        name: "25,000 credits and the pro plan",
        credits: Credits::of(25_000),
        amount_minor: 20_000,
        currency: "usd",
        plan: Some(Plan::Pro),
    },
];

/// Every pack, the smallest first.
#[must_use]
pub fn packs() -> &'static [Pack] {
    &PACKS
}

/// The pack with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.id == id)
}

/// A checkout that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// What they buy.
    pub pack: &'static Pack,
    /// Where their browser goes when they paid.
    pub success_url: String,
    /// Where it goes when they did not.
    pub cancel_url: String,
}

/// What was offered when a checkout began: this is what its payment buys, even if the pack has changed by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The payment service's id of it.
    pub session: String,
    /// Who buys.
    pub user: UserId,
    /// The pack's id.
    pub pack: String,
    /// What they get.
    pub credits: Credits,
    /// What it costs, in the currency's smallest unit.
    pub amount_minor: i64,
    /// The plan that comes with it.
    pub plan: Option<Plan>,
    /// When it began.
    pub created_at: Timestamp,
}

/// What was sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The checkout's id: names the ledger entries.
    pub session: String,
    /// Who bought.
    pub user: UserId,
    /// What they get.
    pub credits: Credits,
    /// What they paid, in the currency's smallest unit.
    pub paid_minor: i64,
    /// The plan that comes with it.
    pub plan: Option<Plan>,
}

/// How a dispute stands. The money is away from when it is opened until it is won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeState {
    /// Undecided.
    Open,
    /// Decided for us: the money is back.
    Won,
    /// Decided for the buyer.
    Lost,
}

/// A buyer's objection to a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The payment service's id of it.
    pub id: String,
    /// How much of the payment, in the currency's smallest unit.
    pub amount_minor: i64,
    /// How it stands.
    pub state: DisputeState,
}

/// Something that the payment service tells of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It was made.
    Paid(Sale),
    /// So much of it was refunded, all refunds together.
    Refunded(i64),
    /// It is disputed.
    Disputed(Dispute),
}

/// A payment: what is known of it, and what is booked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The payment service's id of it.
    pub id: String,
    /// What was sold, once that is known.
    pub sale: Option<Sale>,
    /// How much was refunded.
    pub refunded_minor: i64,
    /// Its disputes.
    pub disputes: Vec<Dispute>,
    /// Whether the purchase is in the ledger.
    pub is_booked: bool,
    /// How much of the credits was taken back, or is owed.
    pub taken: Credits,
    /// How many adjustments were booked: the number in the id of the next one.
    pub adjustments: u32,
    /// How often the record was written.
    pub version: u64,
}

/// The next booking that a payment owes the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The purchase.
    Buy(Credits),
    /// Money went back: so do these credits.
    TakeBack(Credits),
    /// Money came back after all: so do these credits.
    GiveBack(Credits),
}

impl Payment {
    /// A payment that nothing is known of.
    #[must_use]
    pub fn unknown(id: String) -> Self {
        Self {
            id,
            sale: None,
            refunded_minor: 0,
            disputes: Vec::new(),
            is_booked: false,
            taken: Credits::ZERO,
            adjustments: 0,
            version: 0,
        }
    }

    /// The same payment with one more fact known; what was known or is outdated changes nothing.
    #[must_use]
    pub fn learn(&self, fact: &Fact) -> Self {
        let mut next = self.clone();
        match fact {
            Fact::Paid(sale) => {
                next.sale.get_or_insert_with(|| sale.clone());
            }
            Fact::Refunded(total) => next.refunded_minor = next.refunded_minor.max(*total),
            Fact::Disputed(dispute) => {
                let has_room = next.disputes.len() < DISPUTES_MAX;
                let known = next
                    .disputes
                    .iter_mut()
                    .find(|known| known.id == dispute.id);
                match known {
                    // A decision is final: the news that it was opened may come after it.
                    Some(known) if known.state == DisputeState::Open => *known = dispute.clone(),
                    Some(_) => {}
                    None if has_room => next.disputes.push(dispute.clone()),
                    None => {}
                }
            }
        }
        next
    }

    /// What is to be booked next, if anything is.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        let sale = self.sale.as_ref()?;
        if !self.is_booked {
            return Some(Step::Buy(sale.credits));
        }
        let target = self.unpaid(sale);
        match (
            target.checked_sub(self.taken),
            self.taken.checked_sub(target),
        ) {
            (Some(more), _) if more > Credits::ZERO => Some(Step::TakeBack(more)),
            (_, Some(less)) if less > Credits::ZERO => Some(Step::GiveBack(less)),
            _ => None,
        }
    }

    /// The record once `step` is booked.
    #[must_use]
    pub fn booked(&self, step: Step) -> Self {
        let adjustments = self.adjustments + 1;
        let taken = |taken: Option<Credits>| taken.unwrap_or(self.taken);
        match step {
            Step::Buy(_) => Self {
                is_booked: true,
                ..self.clone()
            },
            Step::TakeBack(more) => Self {
                taken: taken(self.taken.checked_add(more)),
                adjustments,
                ..self.clone()
            },
            Step::GiveBack(less) => Self {
                taken: taken(self.taken.checked_sub(less)),
                adjustments,
                ..self.clone()
            },
        }
    }

    /// Names the event that `step` books, once and for all: the sale, and for adjustments which one it is.
    #[must_use]
    pub fn event_id(&self, sale: &Sale, step: Step) -> String {
        let session = sale.session.chars().filter(char::is_ascii_alphanumeric);
        let session: String = session.collect();
        match step {
            Step::Buy(_) => session,
            Step::TakeBack(_) | Step::GiveBack(_) => format!("{session}n{}", self.adjustments + 1),
        }
    }

    /// The part of the credits for which the money is away, rounded up.
    fn unpaid(&self, sale: &Sale) -> Credits {
        let disputed = self.disputes.iter().filter(|dispute| match dispute.state {
            DisputeState::Open | DisputeState::Lost => true,
            DisputeState::Won => false,
        });
        let disputed: i128 = disputed
            .map(|dispute| i128::from(dispute.amount_minor))
            .sum();
        let paid = i128::from(sale.paid_minor.max(1));
        let away = (disputed + i128::from(self.refunded_minor)).clamp(0, paid);
        let credits = i128::from(sale.credits.get()) * away;
        let rounded_up = (credits + paid - 1) / paid;
        let credits = i64::try_from(rounded_up).ok().and_then(Credits::new);
        credits.unwrap_or(sale.credits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sale() -> Sale {
        Sale {
            session: "cs_test_1".to_owned(),
            user: UserId::new(Timestamp::from_ms(1), 1),
            credits: Credits::of(1_000),
            paid_minor: 999,
            plan: None,
        }
    }

    fn disputed(amount_minor: i64, state: DisputeState) -> Fact {
        Fact::Disputed(Dispute {
            id: "dp_1".to_owned(),
            amount_minor,
            state,
        })
    }

    /// What all bookings together leave of the credits, and how many there were.
    fn settle(payment: &mut Payment) -> (i64, u32) {
        let (mut credits, mut bookings) = (0, 0);
        while let Some(step) = payment.step() {
            credits += match step {
                Step::Buy(credits) | Step::GiveBack(credits) => credits.get(),
                Step::TakeBack(credits) => -credits.get(),
            };
            *payment = payment.booked(step);
            bookings += 1;
            assert!(bookings < 100, "it never rests");
        }
        (credits, bookings)
    }

    #[test]
    fn a_dispute_that_is_won_gives_back_what_it_took() {
        let mut payment = Payment::unknown("pi_1".to_owned()).learn(&Fact::Paid(sale()));
        assert_eq!(settle(&mut payment), (1_000, 1));
        payment = payment.learn(&disputed(999, DisputeState::Open));
        assert_eq!(settle(&mut payment), (-1_000, 1));
        payment = payment.learn(&disputed(999, DisputeState::Won));
        assert_eq!(settle(&mut payment), (1_000, 1));
        // The news that it was opened, late.
        payment = payment.learn(&disputed(999, DisputeState::Open));
        assert_eq!(settle(&mut payment), (0, 0));
    }

    proptest! {
        #[test]
        fn facts_end_the_same_in_any_order_and_however_often_they_are_told(
            order in Just((0..5_usize).chain(0..5).collect::<Vec<_>>()).prop_shuffle(),
            pauses in prop::collection::vec(any::<bool>(), 10),
            first in 0_i64..=999,
            more in 0_i64..=999,
            lost: bool,
        ) {
            let end = if lost { DisputeState::Lost } else { DisputeState::Won };
            let facts = [
                Fact::Paid(sale()),
                Fact::Refunded(first),
                Fact::Refunded((first + more).min(999)),
                disputed(200, DisputeState::Open),
                disputed(200, end),
            ];
            let mut payment = Payment::unknown("pi_1".to_owned());
            let mut credits = 0;
            for (fact, settles) in order.iter().zip(pauses) {
                payment = payment.learn(&facts[*fact]);
                if settles {
                    credits += settle(&mut payment).0;
                }
            }
            credits += settle(&mut payment).0;
            let away = ((first + more).min(999) + if lost { 200 } else { 0 }).min(999);
            let unpaid = (1_000 * away + 998) / 999;
            prop_assert_eq!(credits, 1_000 - unpaid);
            prop_assert_eq!(payment.taken.get(), unpaid);
        }
    }
}
