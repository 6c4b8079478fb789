//! A team's wallet, as members who may spend it see it, and moving credits into it.

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::{Credits, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::codes::Code;
use crate::credits::{self, Balance, Transaction};
use crate::endpoint::{Created, Endpoint};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::schema;

/// A team's wallet.
pub const BALANCE: Endpoint<Caller, Balance> =
    Endpoint::user("GET /teams/{team_id}/credits", Scope::Read);
/// A team's ledger, newest first.
pub const TRANSACTIONS: Endpoint<Caller, List<Transaction>> =
    Endpoint::user("GET /teams/{team_id}/credits/transactions", Scope::Read);
/// Moves credits from the caller's own wallet into a team's.
pub const TRANSFER: Endpoint<Caller, Created<Transaction>, TransferCredits> =
    Endpoint::user("POST /teams/{team_id}/credits/transfer", Scope::Generate);

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| operation.names::<schema::TeamId>("team_id", "The team.");
    vec![
        one(tags::TEAMS.operation(&BALANCE, "teamsCreditsBalance", "The wallet of a team"))
            .says("For every member but viewers.")
            .answers("The wallet."),
        one(tags::TEAMS.operation(&TRANSACTIONS, "teamsCreditsTransactions", "The ledger of a team"))
            .says("For every member but viewers. `actor` is the member who spent.")
            .pages()
            .answers("A page, newest first."),
        one(tags::TEAMS.operation(&TRANSFER, "teamsCreditsTransfer", "Move credits into a team"))
            .says("From your own wallet. They come back only if the team is deleted, and then to its owner.")
            .answers("The entry in your own ledger.")
            .once()
            .refuses(&[Code::OutOfCredits, Code::KeyCapReached, Code::Conflict]),
    ]
}

/// `POST /teams/{id}/credits/transfer`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TransferCredits {
    /// The credits to move.
    #[schemars(with = "schema::TransferAmount")]
    pub amount: Option<i64>,
}

impl TransferCredits {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if the field is missing or out of range.
    pub fn check(self) -> Result<Credits, Refusal> {
        let mut problems = Problems::default();
        let amount = problems.required("amount", self.amount);
        let amount = amount.and_then(|amount| problems.valid(credits::amount("amount", amount)));
        problems.or(amount)
    }
}
