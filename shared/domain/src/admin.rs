//! What platform admins do to other people's accounts and wallets. Owns what makes each valid; refuses to
//! know who is an admin (the authorizer says so).

use crate::accounts::Plan;
use crate::credits::Credits;
use crate::ids::UserId;

/// The most that one grant or adjustment moves.
pub const AMOUNT_MAX: i64 = 1_000_000_000;
/// The longest reason.
pub const REASON_CHARS_MAX: usize = 200;

/// Which way credits go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CreditChange {
    /// Given.
    Up(Credits),
    /// Taken back; never more than are there.
    Down(Credits),
}

/// Credits given or taken back by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The owner of the wallet.
    pub user: UserId,
    /// How much, and which way.
    pub change: CreditChange,
    /// Why: one line that its user reads in the ledger.
    pub reason: String,
    /// A digest of everything that the admin sent.
    pub fingerprint: String,
}

/// Credits that were spent on a generation, given back by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundOrder {
    /// How much; all that was spent on it if not said.
    pub amount: Option<Credits>,
    /// Why: one line that its owner reads in the ledger.
    pub reason: String,
    /// A digest of everything that the admin sent.
    pub fingerprint: String,
}

/// What an admin changes of an account; what is not given stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// What they pay for from now on.
    pub plan: Option<Plan>,
    /// Whether they are kept out.
    pub suspended: Option<bool>,
}
