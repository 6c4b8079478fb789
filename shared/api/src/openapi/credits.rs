//! The wallet, its ledger, and ways to fill it.

use domain::accounts::Scope;

use super::operation::{Operation, Table, Who};
use crate::credits::{Balance, HoldView, Stats, Transaction};
use crate::list::List;
use crate::problem::Code;
use crate::promos::RedeemCode;
use crate::purchases::{CheckoutView, CreateCheckout};
use crate::schema;

const TABLE: Table = Table { tag: "credits" };

pub(super) fn operations() -> Vec<Operation> {
    let reads = |path, id, summary| TABLE.operation(Who::User(Scope::Read), path, id, summary);
    let moves = |path, id, summary| TABLE.operation(Who::User(Scope::Generate), path, id, summary);
    vec![
        reads("GET /credits", "creditsBalance", "Your wallet")
            .answers::<Balance>(200, "The wallet."),
        reads(
            "GET /credits/transactions",
            "creditsTransactions",
            "Your ledger",
        )
        .says("Append-only: the sum of its deltas is the wallet.")
        .pages()
        .answers::<List<Transaction>>(200, "A page, newest first."),
        reads("GET /credits/holds", "creditsHolds", "What is set aside")
            .pages()
            .answers::<List<HoldView>>(200, "A page, newest first."),
        reads("GET /credits/stats", "creditsStats", "What was spent")
            .asks::<schema::Days>("days", "How many days, today included; 30 if not given.")
            .answers::<Stats>(200, "By day and by model."),
        moves(
            "POST /credits/redeem",
            "creditsRedeem",
            "Redeem a promo code",
        )
        .takes::<RedeemCode>()
        .answers::<Transaction>(201, "The ledger entry that booked it.")
        .once()
        .refuses(&[Code::NotFound, Code::Conflict]),
        moves("POST /credits/checkout", "creditsCheckout", "Buy credits")
            .says("Begins a Stripe Checkout at `url`. Credits come when it was paid.")
            .takes::<CreateCheckout>()
            .answers::<CheckoutView>(201, "Where to pay.")
            .once(),
    ]
}
