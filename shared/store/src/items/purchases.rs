//! Checkouts (`checkout#<session>`) and payments (`payment#<id>`), each under a key
//! of its own in the credits table.

use aws::Fault;
use domain::ids::UserId;
use domain::plans::Plan;
use domain::purchases::{Checkout, Dispute, DisputeState, Payment, Refund, Sale};
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct CheckoutItem {
    tenant: String,
    entry: String,
    session: String,
    user_id: String,
    pack: String,
    credits: i64,
    amount_minor: i64,
    currency: String,
    plan: Option<String>,
    created_at_ms: i64,
}

impl CheckoutItem {
    /// The sort key.
    pub(crate) const SORT: &str = "checkout";

    /// Returns the hash key.
    pub(crate) fn key(session: &str) -> String {
        format!("checkout#{session}")
    }
}

impl From<&Checkout> for CheckoutItem {
    fn from(checkout: &Checkout) -> Self {
        Self {
            tenant: Self::key(&checkout.session),
            entry: Self::SORT.to_owned(),
            session: checkout.session.clone(),
            user_id: checkout.user.to_string(),
            pack: checkout.pack.clone(),
            credits: checkout.credits.get(),
            amount_minor: checkout.amount_minor,
            currency: checkout.currency.clone(),
            plan: checkout.plan.map(|plan| plan.as_str().to_owned()),
            created_at_ms: checkout.created_at.ms(),
        }
    }
}

impl TryFrom<CheckoutItem> for Checkout {
    type Error = Fault;

    fn try_from(item: CheckoutItem) -> Result<Self, Fault> {
        Ok(Self {
            session: item.session,
            user: UserId::parse(&item.user_id).ok_or_else(|| broken("user_id"))?,
            pack: item.pack,
            credits: Credits::new(item.credits).ok_or_else(|| broken("credits"))?,
            amount_minor: item.amount_minor,
            currency: item.currency,
            plan: read_plan(item.plan.as_deref())?,
            created_at: Timestamp::from_ms(item.created_at_ms),
        })
    }
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct PaymentItem {
    tenant: String,
    entry: String,
    payment: String,
    sale: Option<SaleItem>,
    refunded_minor: i64,
    #[serde(default)]
    refunds: Vec<RefundItem>,
    disputes: Vec<DisputeItem>,
    #[serde(default)]
    is_other_currency: bool,
    is_booked: bool,
    taken: i64,
    adjustments: u32,
    version: u64,
}

#[derive(Serialize, Deserialize)]
struct SaleItem {
    session: String,
    user_id: String,
    credits: i64,
    paid_minor: i64,
    plan: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RefundItem {
    id: String,
    amount_minor: i64,
    is_undone: bool,
}

#[derive(Serialize, Deserialize)]
struct DisputeItem {
    id: String,
    amount_minor: i64,
    state: String,
    #[serde(default)]
    told_s: i64,
}

impl PaymentItem {
    /// The sort key.
    pub(crate) const SORT: &str = "payment";

    /// Returns the hash key.
    pub(crate) fn key(payment: &str) -> String {
        format!("payment#{payment}")
    }
}

impl From<&Payment> for PaymentItem {
    fn from(payment: &Payment) -> Self {
        let sale = payment.sale.as_ref().map(|sale| SaleItem {
            session: sale.session.clone(),
            user_id: sale.user.to_string(),
            credits: sale.credits.get(),
            paid_minor: sale.paid_minor,
            plan: sale.plan.map(|plan| plan.as_str().to_owned()),
        });
        let dispute = |dispute: &Dispute| DisputeItem {
            id: dispute.id.clone(),
            amount_minor: dispute.amount_minor,
            state: state_name(dispute.state).to_owned(),
            told_s: dispute.told_s,
        };
        let refund = |refund: &Refund| RefundItem {
            id: refund.id.clone(),
            amount_minor: refund.amount_minor,
            is_undone: refund.is_undone,
        };
        Self {
            tenant: Self::key(&payment.id),
            entry: Self::SORT.to_owned(),
            payment: payment.id.clone(),
            sale,
            refunded_minor: payment.refunded_minor,
            refunds: payment.refunds.iter().map(refund).collect(),
            disputes: payment.disputes.iter().map(dispute).collect(),
            is_other_currency: payment.is_other_currency,
            is_booked: payment.is_booked,
            taken: payment.taken.get(),
            adjustments: payment.adjustments,
            version: payment.version,
        }
    }
}

impl TryFrom<PaymentItem> for Payment {
    type Error = Fault;

    fn try_from(item: PaymentItem) -> Result<Self, Fault> {
        let disputes = item.disputes.into_iter().map(|dispute| {
            let state = read_state(&dispute.state)?;
            Ok(Dispute {
                id: dispute.id,
                amount_minor: dispute.amount_minor,
                state,
                told_s: dispute.told_s,
            })
        });
        let refund = |refund: RefundItem| Refund {
            id: refund.id,
            amount_minor: refund.amount_minor,
            is_undone: refund.is_undone,
        };
        Ok(Self {
            id: item.payment,
            sale: item.sale.map(Sale::try_from).transpose()?,
            refunded_minor: item.refunded_minor,
            refunds: item.refunds.into_iter().map(refund).collect(),
            disputes: disputes.collect::<Result<_, Fault>>()?,
            is_other_currency: item.is_other_currency,
            is_booked: item.is_booked,
            taken: Credits::new(item.taken).ok_or_else(|| broken("taken"))?,
            adjustments: item.adjustments,
            version: item.version,
        })
    }
}

impl TryFrom<SaleItem> for Sale {
    type Error = Fault;

    fn try_from(item: SaleItem) -> Result<Self, Fault> {
        Ok(Self {
            session: item.session,
            user: UserId::parse(&item.user_id).ok_or_else(|| broken("user_id"))?,
            credits: Credits::new(item.credits).ok_or_else(|| broken("credits"))?,
            paid_minor: item.paid_minor,
            plan: read_plan(item.plan.as_deref())?,
        })
    }
}

fn read_plan(text: Option<&str>) -> Result<Option<Plan>, Fault> {
    let plan = text.map(|text| Plan::parse(text).ok_or_else(|| broken("plan")));
    plan.transpose()
}

const fn state_name(state: DisputeState) -> &'static str {
    match state {
        DisputeState::Inquiry => "inquiry",
        DisputeState::Open => "open",
        DisputeState::Won => "won",
        DisputeState::Lost => "lost",
    }
}

fn read_state(text: &str) -> Result<DisputeState, Fault> {
    let states = [
        DisputeState::Inquiry,
        DisputeState::Open,
        DisputeState::Won,
        DisputeState::Lost,
    ];
    let state = states.into_iter().find(|state| state_name(*state) == text);
    state.ok_or_else(|| broken("state"))
}
