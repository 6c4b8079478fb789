//! Buying credits: the packs, and what became of each payment.
//!
//! What the payment service tells comes any number of times and in any order, so each thing that it
//! tells is a fact that is learned, never a command: learning one twice, or late, changes nothing.
//! [`Payment::step`] compares what is known with what is booked and says the next booking, until
//! nothing is owed either way. So a refund that comes before its purchase is simply known when the
//! purchase is booked, and is booked after it.
//!
//! Credits for which the money went back are taken back in proportion, rounded up: no credit stays that was
//! not paid for. What a wallet no longer has cannot be taken; it becomes what the wallet owes
//! ([`crate::ledger::Wallet::owed`]), is in the ledger entry, and cannot be spent when it comes (from a job
//! that is released, or a later purchase).

use crate::accounts::Plan;
use crate::credits::Credits;
use crate::ids::UserId;
use crate::time::Timestamp;

/// How many disputes one payment can have: far more than a card network allows.
const DISPUTES_MAX: usize = 16;
/// How many refunds of one payment are known one by one. Beyond that their sum is known all the same.
const REFUNDS_MAX: usize = 200;

/// What everything is sold in: ISO 4217, lower case.
pub const CURRENCY: &str = "usd";

/// Credits for sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its id in the API.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What its buyer gets.
    pub credits: Credits,
    /// The price, in the currency's smallest unit.
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
        currency: CURRENCY,
        plan: None,
    },
    Pack {
        id: "creator",
        name: "6,000 credits and the basic plan",
        credits: Credits::of(6_000),
        amount_minor: 5_000,
        currency: CURRENCY,
        plan: Some(Plan::Basic),
    },
    Pack {
        id: "studio",
        name: "25,000 credits and the pro plan",
        credits: Credits::of(25_000),
        amount_minor: 20_000,
        currency: CURRENCY,
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

/// What was offered when a checkout began: this is what its payment buys, even
/// if the pack has changed by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The payment service's id of it.
    pub session: String,
    /// The buyer.
    pub user: UserId,
    /// The pack's id.
    pub pack: String,
    /// The credits that they get.
    pub credits: Credits,
    /// The price, in the currency's smallest unit.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The plan that comes with it.
    pub plan: Option<Plan>,
    /// The time at which it began.
    pub created_at: Timestamp,
}

/// What was sold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The checkout's id: names the ledger entries.
    pub session: String,
    /// Who bought.
    pub user: UserId,
    /// The credits that they get.
    pub credits: Credits,
    /// What they paid, in the currency's smallest unit.
    pub paid_minor: i64,
    /// The plan that comes with it.
    pub plan: Option<Plan>,
}

/// How a dispute stands. Of two words about the same one, the greater counts: a decision is final, and
/// an inquiry may become a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DisputeState {
    /// The bank asks, and the money stays.
    Inquiry,
    /// Undecided: the money is away.
    Open,
    /// Decided for us, or withdrawn: the money is back, or never went.
    Won,
    /// Decided for the buyer.
    Lost,
}

impl DisputeState {
    const fn is_final(self) -> bool {
        match self {
            Self::Inquiry | Self::Open => false,
            Self::Won | Self::Lost => true,
        }
    }

    const fn is_money_away(self) -> bool {
        match self {
            Self::Open | Self::Lost => true,
            Self::Inquiry | Self::Won => false,
        }
    }
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
    /// When that was told, seconds since the epoch.
    pub told_s: i64,
}

impl Dispute {
    /// What makes one word about a dispute count more than another, in whatever order they come.
    fn weight(&self) -> (bool, DisputeState, i64, i64) {
        let state = match self.state {
            // Of two decisions, the later counts.
            DisputeState::Won | DisputeState::Lost => DisputeState::Won,
            other => other,
        };
        (self.state.is_final(), state, self.told_s, self.amount_minor)
    }

    fn outweighs(&self, known: &Self) -> bool {
        let order = self.weight().cmp(&known.weight());
        order.then(self.state.cmp(&known.state)).is_gt()
    }
}

/// Money of a payment that was given back, or was to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The payment service's id of it.
    pub id: String,
    /// How much, in the currency's smallest unit.
    pub amount_minor: i64,
    /// Whether it came to nothing: it failed or was cancelled, and the money is back. That is final.
    pub is_undone: bool,
}

/// Something that the payment service tells of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It was made.
    Paid(Sale),
    /// So much of it was refunded, all refunds together, as far as they were known then.
    Refunded(i64),
    /// One refund.
    Refund(Refund),
    /// It is disputed.
    Disputed(Dispute),
    /// Its money moved in another currency than its checkout's: nothing can be worked out of that.
    OtherCurrency,
}

/// A payment: what is known of it, and what is booked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The payment service's id of it.
    pub id: String,
    /// What was sold, once that is known.
    pub sale: Option<Sale>,
    /// How much was refunded in all, as it was told at most.
    pub refunded_minor: i64,
    /// The refunds that were told of one by one.
    pub refunds: Vec<Refund>,
    /// Its disputes.
    pub disputes: Vec<Dispute>,
    /// Whether its money moved in another currency than its checkout's.
    pub is_other_currency: bool,
    /// Whether the purchase is in the ledger.
    pub is_booked: bool,
    /// How much of the credits was taken back, or is owed.
    pub taken: Credits,
    /// How many adjustments were booked: the number in the id of the next one.
    pub adjustments: u32,
    /// Incremented by each write.
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
            refunds: Vec::new(),
            disputes: Vec::new(),
            is_other_currency: false,
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
            Fact::Refund(refund) => {
                let has_room = next.refunds.len() < REFUNDS_MAX;
                match next.refunds.iter_mut().find(|known| known.id == refund.id) {
                    Some(known) => known.is_undone |= refund.is_undone,
                    None if has_room => next.refunds.push(refund.clone()),
                    None => {}
                }
            }
            Fact::Disputed(dispute) => {
                let has_room = next.disputes.len() < DISPUTES_MAX;
                let known = next
                    .disputes
                    .iter_mut()
                    .find(|known| known.id == dispute.id);
                match known {
                    Some(known) if dispute.outweighs(known) => *known = dispute.clone(),
                    Some(_) => {}
                    None if has_room => next.disputes.push(dispute.clone()),
                    None => {}
                }
            }
            Fact::OtherCurrency => next.is_other_currency = true,
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

    /// The plan that this payment justifies: the one that came with it, while any of its money is here.
    #[must_use]
    pub fn justified_plan(&self) -> Option<Plan> {
        let sale = self.sale.as_ref()?;
        sale.plan.filter(|_| self.unpaid(sale) < sale.credits)
    }

    /// The part of the credits for which the money is away, rounded up.
    fn unpaid(&self, sale: &Sale) -> Credits {
        let disputed = self.disputes.iter();
        let disputed = disputed.filter(|dispute| dispute.state.is_money_away());
        let disputed: i128 = disputed
            .map(|dispute| i128::from(dispute.amount_minor))
            .sum();
        let paid = i128::from(sale.paid_minor.max(1));
        let away = (disputed + self.refunded()).clamp(0, paid);
        let credits = i128::from(sale.credits.get()) * away;
        let rounded_up = (credits + paid - 1) / paid;
        let credits = i64::try_from(rounded_up).ok().and_then(Credits::new);
        credits.unwrap_or(sale.credits)
    }

    /// What went back and stayed away: the refunds that were not undone, and what was told of beyond
    /// those that are known one by one.
    fn refunded(&self) -> i128 {
        let sum = |refunds: &mut dyn Iterator<Item = &Refund>| -> i128 {
            refunds
                .map(|refund| i128::from(refund.amount_minor.max(0)))
                .sum()
        };
        let known = sum(&mut self.refunds.iter());
        let lasting = sum(&mut self.refunds.iter().filter(|refund| !refund.is_undone));
        lasting + (i128::from(self.refunded_minor) - known).max(0)
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
            told_s: 1,
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

    #[test]
    fn an_inquiry_takes_nothing_until_it_becomes_a_dispute_and_its_last_word_ends_it() {
        let mut payment = Payment::unknown("pi_1".to_owned()).learn(&Fact::Paid(sale()));
        settle(&mut payment);
        payment = payment.learn(&disputed(999, DisputeState::Inquiry));
        assert_eq!(settle(&mut payment), (0, 0));
        payment = payment.learn(&disputed(999, DisputeState::Open));
        assert_eq!(settle(&mut payment), (-1_000, 1));
        payment = payment.learn(&disputed(999, DisputeState::Inquiry));
        assert_eq!(settle(&mut payment), (0, 0));
        payment = payment.learn(&disputed(999, DisputeState::Won));
        assert_eq!(settle(&mut payment), (1_000, 1));
    }

    #[test]
    fn a_refund_that_fails_later_gives_back_what_it_took() {
        let refund = |id: &str, amount_minor, is_undone| {
            Fact::Refund(Refund {
                id: id.to_owned(),
                amount_minor,
                is_undone,
            })
        };
        let mut payment = Payment::unknown("pi_1".to_owned()).learn(&Fact::Paid(sale()));
        settle(&mut payment);
        // Told of twice, as its own event and in the charge's.
        payment = payment.learn(&refund("re_1", 999, false));
        payment = payment.learn(&Fact::Refunded(999));
        assert_eq!(settle(&mut payment), (-1_000, 1));
        payment = payment.learn(&refund("re_1", 999, true));
        assert_eq!(settle(&mut payment), (1_000, 1));
        payment = payment.learn(&refund("re_1", 999, false));
        assert_eq!(settle(&mut payment), (0, 0));
        payment = payment.learn(&refund("re_2", 333, false));
        assert_eq!(settle(&mut payment), (-334, 1));
    }

    #[test]
    fn a_plan_is_justified_while_any_of_its_money_is_here() {
        let with_plan = Sale {
            plan: Some(Plan::Pro),
            ..sale()
        };
        let payment = Payment::unknown("pi_1".to_owned()).learn(&Fact::Paid(with_plan));
        assert_eq!(payment.justified_plan(), Some(Plan::Pro));
        let part = payment.learn(&Fact::Refunded(998));
        assert_eq!(part.justified_plan(), Some(Plan::Pro));
        let whole = payment.learn(&Fact::Refunded(999));
        assert_eq!(whole.justified_plan(), None);
    }

    /// Everything that may be told of one payment of 999: each kind, with its words in
    /// the order in which they are true.
    fn words(amount: i64, undone: bool, end: DisputeState) -> Vec<Fact> {
        let refund = |is_undone| {
            Fact::Refund(Refund {
                id: "re_1".to_owned(),
                amount_minor: amount,
                is_undone,
            })
        };
        let dispute = |state, told_s| {
            Fact::Disputed(Dispute {
                id: "dp_1".to_owned(),
                amount_minor: 200,
                state,
                told_s,
            })
        };
        let mut words = vec![
            Fact::Paid(sale()),
            refund(false),
            Fact::Refunded(amount),
            dispute(DisputeState::Inquiry, 1),
            dispute(DisputeState::Open, 2),
            dispute(end, 3),
        ];
        if undone {
            words.push(refund(true));
        }
        words
    }

    proptest! {
        #[test]
        fn whatever_is_told_twice_in_any_order_ends_as_the_last_facts_say(
            order in Just((0..7_usize).chain(0..7).collect::<Vec<_>>()).prop_shuffle(),
            pauses in prop::collection::vec(any::<bool>(), 14),
            amount in 1_i64..=999,
            undone: bool,
            end in prop_oneof![
                Just(DisputeState::Open),
                Just(DisputeState::Won),
                Just(DisputeState::Lost),
            ],
        ) {
            let words = words(amount, undone, end);
            let mut payment = Payment::unknown("pi_1".to_owned());
            let mut credits = 0;
            for (word, settles) in order.iter().zip(pauses) {
                let Some(word) = words.get(*word) else { continue };
                payment = payment.learn(word);
                if settles {
                    credits += settle(&mut payment).0;
                }
            }
            credits += settle(&mut payment).0;
            let refunded = if undone { 0 } else { amount };
            let disputed = if end == DisputeState::Won { 0 } else { 200 };
            let away = (refunded + disputed).min(999);
            let unpaid = (1_000 * away + 998) / 999;
            prop_assert_eq!(credits, 1_000 - unpaid);
        }
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
