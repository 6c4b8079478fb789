//! The bodies that platform admins send and get.

pub mod accounts;

use domain::admin::{AMOUNT_MAX, CreditChange, Grant, REASON_CHARS_MAX, RefundOrder};
use domain::callers::Admin;
use domain::ids::UserId;
use domain::labels;
use domain::{Credits, FieldCode, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::body::Problems;
use crate::codes::Code;
use crate::credits::{self, Transaction};
use crate::endpoint::{Created, Endpoint};
use crate::operation::{Operation, tags};
use crate::schema;

/// Gives credits to a user, or takes some back.
pub const GRANT: Endpoint<Admin, Created<Transaction>, CreateGrant> =
    Endpoint::admin("POST /admin/credits/grants");
/// Gives back all or a part of the credits that were spent on a generation.
pub const REFUND: Endpoint<Admin, Created<Transaction>, RefundGeneration> =
    Endpoint::admin("POST /admin/generations/{generation_id}/refund");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ADMIN
            .operation(&GRANT, "adminGrantsCreate", "Give or take back credits")
            .answers("The ledger entry that booked it.")
            .once()
            .refuses(&[Code::NotFound, Code::Conflict]),
        tags::ADMIN
            .operation(&REFUND, "adminGenerationsRefund", "Refund a generation")
            .says(
                "All or a part of the credits that were spent on it go back to the wallet that paid, to its member's month \
                 and to the API key. A generation can be refunded once. Its media stay.",
            )
            .names::<schema::GenerationId>("generation_id", "The generation.")
            .answers("The ledger entry that booked it.")
            .once()
            .refuses(&[Code::Conflict]),
    ]
}

/// `POST /admin/credits/grants`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateGrant {
    /// The owner of the wallet.
    #[schemars(with = "schema::UserId")]
    pub user_id: Option<String>,
    /// The credits: they are given if this is above zero, and taken back if it is below.
    #[schemars(with = "schema::GrantAmount")]
    pub amount: Option<i64>,
    /// The reason. The user reads it in the ledger.
    #[schemars(with = "schema::Reason")]
    pub reason: Option<String>,
}

impl CreateGrant {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<Grant, Refusal> {
        let fingerprint = fingerprint(&self);
        let mut problems = Problems::default();
        let user = problems.required("user_id", self.user_id);
        let amount = problems.required("amount", self.amount);
        let change = amount.and_then(|amount| check_amount(amount, &mut problems));
        let reason = problems.required("reason", self.reason);
        let reason = reason.and_then(|reason| check_reason(&reason, &mut problems));
        let all = user.zip(change).zip(reason);
        let ((user, change), reason) = problems.or(all)?;
        let user = UserId::parse(&user).ok_or(Refusal::NoSuch {
            field: "user_id",
            noun: "user",
        })?;
        Ok(Grant {
            user,
            change,
            reason,
            fingerprint,
        })
    }
}

/// `POST /admin/generations/{id}/refund`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RefundGeneration {
    /// The credits to give back; all that was spent on the generation if not given.
    #[schemars(with = "Option<schema::Cap>")]
    pub amount: Option<i64>,
    /// The reason. The owner of the generation reads it in the ledger.
    #[schemars(with = "schema::Reason")]
    pub reason: Option<String>,
}

impl RefundGeneration {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<RefundOrder, Refusal> {
        let fingerprint = fingerprint(&self);
        let mut problems = Problems::default();
        let amount = self.amount;
        let amount = amount.and_then(|amount| problems.valid(credits::amount("amount", amount)));
        let reason = problems.required("reason", self.reason);
        let reason = reason.and_then(|reason| check_reason(&reason, &mut problems));
        problems.or(reason.map(|reason| RefundOrder {
            amount,
            reason,
            fingerprint,
        }))
    }
}

/// Returns a digest of all that was sent.
fn fingerprint(body: &impl Serialize) -> String {
    let canonical = serde_json::to_vec(body).unwrap_or_default();
    hex::encode(Sha256::digest(canonical))
}

fn check_amount(amount: i64, problems: &mut Problems) -> Option<CreditChange> {
    let size = amount
        .checked_abs()
        .filter(|size| (1..=AMOUNT_MAX).contains(size))
        .and_then(Credits::new);
    if size.is_none() {
        let message = "must be a whole number from -1000000000 to 1000000000, and not zero";
        problems.add("amount", FieldCode::OutOfRange, message);
    }
    let size = size?;
    Some(if amount > 0 {
        CreditChange::Up(size)
    } else {
        CreditChange::Down(size)
    })
}

fn check_reason(reason: &str, problems: &mut Problems) -> Option<String> {
    problems.valid(labels::line("reason", reason, REASON_CHARS_MAX))
}
