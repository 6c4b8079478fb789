//! The changes that platform admins make to other people's accounts and wallets. Owns their types and
//! limits; refuses to know who is an admin (the authorizer decides that).

use crate::credits::Credits;
use crate::ids::UserId;
use crate::plans::Plan;

/// The most that one grant or adjustment moves.
pub const AMOUNT_MAX: i64 = 1_000_000_000;
/// The longest reason.
pub const REASON_CHARS_MAX: usize = 200;

/// An amount of credits, with its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditChange {
    /// Credits given.
    Up(Credits),
    /// Credits taken back, at most as many as are there.
    Down(Credits),
}

/// Credits given or taken back by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The owner of the wallet.
    pub user: UserId,
    /// The amount, given or taken back.
    pub change: CreditChange,
    /// The reason: one line that the user reads in the ledger.
    pub reason: String,
    /// A digest of the admin's whole request.
    pub fingerprint: String,
}

/// Credits that were spent on a generation, given back by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundOrder {
    /// The amount; `None` for everything that was spent on the generation.
    pub amount: Option<Credits>,
    /// The reason: one line that the owner reads in the ledger.
    pub reason: String,
    /// A digest of the admin's whole request.
    pub fingerprint: String,
}

/// An admin's change of an account. A field that is `None` stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// The new plan.
    pub plan: Option<Plan>,
    /// Whether the account is suspended.
    pub suspended: Option<bool>,
}
