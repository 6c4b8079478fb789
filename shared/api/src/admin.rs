//! What platform admins send, and what they see.

use domain::accounts::{Plan, User};
use domain::admin::{AMOUNT_MAX, AccountChange, CreditChange, Grant, REASON_CHARS_MAX};
use domain::callers::Admin;
use domain::ids::UserId;
use domain::labels;
use domain::{Credits, FieldCode, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::accounts::Profile;
use crate::body::Problems;
use crate::credits::Transaction;
use crate::endpoint::{Created, Endpoint};
use crate::openapi::{Operation, tags};
use crate::problem::Code;
use crate::schema;

/// Gives credits to a user, or takes some back.
pub const GRANT: Endpoint<Admin, Created<Transaction>, CreateGrant> =
    Endpoint::admin("POST /admin/credits/grants");
/// Changes a user's plan, or keeps them out.
pub const CHANGE_USER: Endpoint<Admin, AccountView, ChangeAccount> =
    Endpoint::admin("PATCH /admin/users/{user_id}");

/// The OpenAPI document's words for these endpoints.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ADMIN
            .operation(&GRANT, "adminGrantsCreate", "Give or take back credits")
            .answers("The ledger entry that booked it.")
            .once()
            .refuses(&[Code::NotFound, Code::Conflict]),
        tags::ADMIN
            .operation(
                &CHANGE_USER,
                "adminUsersUpdate",
                "Change a user's plan, or keep them out",
            )
            .names::<schema::UserId>("user_id", "The user.")
            .answers("The user as they are now.")
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
    /// How much: given if above zero, taken back if below.
    #[schemars(with = "schema::GrantAmount")]
    pub amount: Option<i64>,
    /// Why.
    #[schemars(with = "schema::Reason")]
    pub reason: Option<String>,
}

impl CreateGrant {
    /// From wire to domain.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<Grant, Refusal> {
        let fingerprint = self.fingerprint();
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

    fn fingerprint(&self) -> String {
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(canonical))
    }
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

/// `PATCH /admin/users/{user_id}`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
pub struct ChangeAccount {
    /// The plan from now on.
    #[schemars(with = "Option<schema::Plan>")]
    pub plan: Option<String>,
    /// Whether they are kept out.
    pub suspended: Option<bool>,
}

impl ChangeAccount {
    /// From wire to domain.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<AccountChange, Refusal> {
        let mut problems = Problems::default();
        if self.plan.is_none() && self.suspended.is_none() {
            let message = "must have plan, suspended or both";
            problems.add("body", FieldCode::Required, message);
        }
        let plan = self.plan.and_then(|text| {
            let plan = Plan::parse(&text);
            if plan.is_none() {
                let message = "must be one of free, basic, pro, enterprise";
                problems.add("plan", FieldCode::NotAllowed, message);
            }
            plan
        });
        problems.or(Some(AccountChange {
            plan,
            suspended: self.suspended,
        }))
    }
}

/// A user as an admin sees them.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Account")]
pub struct AccountView {
    /// The profile as the user sees it.
    #[serde(flatten)]
    pub profile: Profile,
    /// Whether they are kept out.
    pub suspended: bool,
}

impl AccountView {
    /// The view of `user`.
    #[must_use]
    pub fn new(user: &User, is_admin: bool) -> Self {
        Self {
            profile: Profile::new(user, is_admin),
            suspended: user.suspended,
        }
    }
}
