//! The wallet, its ledger, and ways to fill it.

use super::operation::{Operation, Table};
use crate::problem::Code;
use crate::{credits, promos, purchases, schema};

const TABLE: Table = Table { tag: "credits" };

pub(super) fn operations() -> Vec<Operation> {
    vec![
        TABLE
            .operation(&credits::BALANCE, "creditsBalance", "Your wallet")
            .answers("The wallet."),
        TABLE
            .operation(&credits::TRANSACTIONS, "creditsTransactions", "Your ledger")
            .says("Append-only: the sum of its deltas is the wallet.")
            .pages()
            .answers("A page, newest first."),
        TABLE
            .operation(&credits::HOLDS, "creditsHolds", "What is set aside")
            .pages()
            .answers("A page, newest first."),
        TABLE
            .operation(&credits::STATS, "creditsStats", "What was spent")
            .asks::<schema::Days>("days", "How many days, today included; 30 if not given.")
            .answers("By day and by model."),
        TABLE
            .operation(&promos::REDEEM, "creditsRedeem", "Redeem a promo code")
            .answers("The ledger entry that booked it.")
            .once()
            .refuses(&[Code::NotFound, Code::Conflict]),
        TABLE
            .operation(&purchases::CHECKOUT, "creditsCheckout", "Buy credits")
            .says("Begins a Stripe Checkout at `url`. Credits come when it was paid.")
            .answers("Where to pay.")
            .once(),
    ]
}
