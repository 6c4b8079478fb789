//! Purchases of credits: the packs, and the state of each payment.
//!
//! The payment service may report things any number of times and in any order. So each report is a fact
//! that is learned, never a command: a fact that is learned twice, or late, changes nothing.
//! [`Payment::step`] compares the known facts with the bookings and returns the next booking, until nothing
//! is owed either way. A refund that is reported before its purchase is already known when the purchase is
//! booked, and is booked after it.
//!
//! Credits whose money was returned are taken back in proportion, rounded up, so that no unpaid credit
//! stays. Credits that a wallet no longer has cannot be taken. They become its debt
//! ([`crate::ledger::Wallet::owed`]), which is in the ledger entry, and as many of the credits that come in
//! later (from a released job or a purchase) cannot be spent.

use crate::credits::Credits;
use crate::ids::UserId;
use crate::plans::Plan;
use crate::time::Timestamp;

/// The most disputes of one payment: far more than a card network allows.
const DISPUTES_MAX: usize = 16;
/// The most refunds of one payment that are kept one by one. Beyond that, their sum is still known.
const REFUNDS_MAX: usize = 200;

/// The currency of all prices: ISO 4217, lower case.
pub const CURRENCY: &str = "usd";

/// A pack of credits for sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Its id in the API.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// The credits in it.
    pub credits: Credits,
    /// The price, in the currency's smallest unit.
    pub amount_minor: u32,
    /// ISO 4217, lower case.
    pub currency: &'static str,
    /// The plan that its buyer gets, unless they have a larger one.
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

/// Returns the pack with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.id == id)
}

/// A request for a checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckoutRequest {
    /// The pack.
    pub pack: &'static Pack,
    /// The address that the browser goes to after payment.
    pub success_url: String,
    /// The address that the browser goes to after the checkout was cancelled.
    pub cancel_url: String,
}

/// The offer at the beginning of a checkout. Its payment buys these terms, even if the pack has changed by
/// then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The payment service's id of it.
    pub session: String,
    /// The buyer.
    pub user: UserId,
    /// The pack's id.
    pub pack: String,
    /// The credits that the buyer gets.
    pub credits: Credits,
    /// The price, in the currency's smallest unit.
    pub amount_minor: i64,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The plan that comes with it.
    pub plan: Option<Plan>,
    /// When it began.
    pub created_at: Timestamp,
}

/// A sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The checkout's id, after which the ledger entries are named.
    pub session: String,
    /// The buyer.
    pub user: UserId,
    /// The credits that the buyer gets.
    pub credits: Credits,
    /// The amount paid, in the currency's smallest unit.
    pub paid_minor: i64,
    /// The plan that comes with it.
    pub plan: Option<Plan>,
}

/// The state of a dispute. Of two reports about the same dispute, the greater state counts: a decision is
/// final, and an inquiry may become a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DisputeState {
    /// The bank asks, and the money stays with us.
    Inquiry,
    /// The dispute is undecided, and the money was taken.
    Open,
    /// It was decided for us, or withdrawn: the money is with us.
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

/// A buyer's dispute of a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The payment service's id of it.
    pub id: String,
    /// The disputed amount, in the currency's smallest unit.
    pub amount_minor: i64,
    /// Its state.
    pub state: DisputeState,
    /// When that was reported, in seconds since the epoch.
    pub told_s: i64,
}

impl Dispute {
    /// The weight of a report about a dispute. The report with the greater weight counts, in any
    /// order of arrival.
    fn weight(&self) -> (bool, DisputeState, i64, i64) {
        let state = match self.state {
            // Of two decisions, the later one counts.
            DisputeState::Won | DisputeState::Lost => DisputeState::Won,
            state @ (DisputeState::Inquiry | DisputeState::Open) => state,
        };
        (self.state.is_final(), state, self.told_s, self.amount_minor)
    }

    fn outweighs(&self, known: &Self) -> bool {
        let order = self.weight().cmp(&known.weight());
        order.then(self.state.cmp(&known.state)).is_gt()
    }
}

/// A refund of a payment, or an attempt at one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// The payment service's id of it.
    pub id: String,
    /// The amount, in the currency's smallest unit.
    pub amount_minor: i64,
    /// Whether it failed or was cancelled, so that the money stays with us. That is final.
    pub is_undone: bool,
}

/// A fact that the payment service reports about a payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// It was made.
    Paid(Sale),
    /// The sum of all of its refunds, as far as they were known then.
    Refunded(i64),
    /// One refund.
    Refund(Refund),
    /// It is disputed.
    Disputed(Dispute),
    /// Its money moved in another currency than its checkout's, so nothing can be worked out from its
    /// amounts.
    OtherCurrency,
}

/// A payment: the known facts, and the bookings made for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payment {
    /// The payment service's id of it.
    pub id: String,
    /// The sale, once that is known.
    pub sale: Option<Sale>,
    /// The largest sum of refunds that was reported.
    pub refunded_minor: i64,
    /// The refunds that were reported one by one.
    pub refunds: Vec<Refund>,
    /// Its disputes.
    pub disputes: Vec<Dispute>,
    /// Whether its money moved in another currency than its checkout's.
    pub is_other_currency: bool,
    /// Whether the purchase is in the ledger.
    pub is_booked: bool,
    /// The credits that were taken back, or are owed.
    pub taken: Credits,
    /// The number of booked adjustments, which is in the ids of their entries.
    pub adjustments: u32,
    /// Incremented by each write.
    pub version: u64,
}

/// The next booking that a payment owes the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwedBooking {
    /// The purchase.
    Buy(Credits),
    /// Money was returned: take these credits back.
    TakeBack(Credits),
    /// Returned money came back: give these credits back.
    GiveBack(Credits),
}

impl Payment {
    /// A payment without any known fact.
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

    /// Returns the payment after one more fact. A fact that is already known, or outdated, changes nothing.
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

    /// Returns the next booking, if one is needed.
    #[must_use]
    pub fn step(&self) -> Option<OwedBooking> {
        let sale = self.sale.as_ref()?;
        if !self.is_booked {
            return Some(OwedBooking::Buy(sale.credits));
        }
        let target = self.unpaid(sale);
        match (
            target.checked_sub(self.taken),
            self.taken.checked_sub(target),
        ) {
            (Some(more), _) if more > Credits::ZERO => Some(OwedBooking::TakeBack(more)),
            (_, Some(less)) if less > Credits::ZERO => Some(OwedBooking::GiveBack(less)),
            _ => None,
        }
    }

    /// Returns the record after `step` was booked.
    #[must_use]
    pub fn booked(&self, step: OwedBooking) -> Self {
        let adjustments = self.adjustments + 1;
        let taken = |taken: Option<Credits>| taken.unwrap_or(self.taken);
        match step {
            OwedBooking::Buy(_) => Self {
                is_booked: true,
                ..self.clone()
            },
            OwedBooking::TakeBack(more) => Self {
                taken: taken(self.taken.checked_add(more)),
                adjustments,
                ..self.clone()
            },
            OwedBooking::GiveBack(less) => Self {
                taken: taken(self.taken.checked_sub(less)),
                adjustments,
                ..self.clone()
            },
        }
    }

    /// The unique name of the event that `step` books: the sale, with a number for adjustments.
    #[must_use]
    pub fn event_id(&self, sale: &Sale, step: OwedBooking) -> String {
        let session = sale.session.chars().filter(char::is_ascii_alphanumeric);
        let session: String = session.collect();
        match step {
            OwedBooking::Buy(_) => session,
            OwedBooking::TakeBack(_) | OwedBooking::GiveBack(_) => {
                format!("{session}n{}", self.adjustments + 1)
            }
        }
    }

    /// The plan that this payment justifies: the plan of its sale, while any of its money is with us.
    #[must_use]
    pub fn justified_plan(&self) -> Option<Plan> {
        let sale = self.sale.as_ref()?;
        sale.plan.filter(|_| self.unpaid(sale) < sale.credits)
    }

    /// The part of the credits whose money is not with us, rounded up.
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

    /// The sum of refunds that lasted: those that did not fail, and the reported sum beyond those that are
    /// known one by one.
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

    /// Makes all bookings that are due. Returns the sum of their credits, and their number.
    fn settle(payment: &mut Payment) -> (i64, u32) {
        let (mut credits, mut bookings) = (0, 0);
        while let Some(step) = payment.step() {
            credits += match step {
                OwedBooking::Buy(credits) | OwedBooking::GiveBack(credits) => credits.get(),
                OwedBooking::TakeBack(credits) => -credits.get(),
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
        // The report that it was opened comes late.
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
        // The refund is reported twice: as its own event, and in the charge's.
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

    /// All reports that may come of one payment of 999: each kind, in the order in which they are true.
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
