//! The wallet and the ledger as their owner sees them.

use domain::ledger::{Entry, Wallet};
use serde::{Deserialize, Serialize};

use crate::time;

/// `GET /credits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// What can be spent.
    pub available: i64,
    /// What is set aside for jobs in flight.
    pub held: i64,
    /// All that was ever granted or bought.
    pub lifetime_granted: i64,
    /// All that was ever spent.
    pub lifetime_spent: i64,
}

impl From<&Wallet> for Balance {
    fn from(wallet: &Wallet) -> Self {
        Self {
            available: wallet.available.get(),
            held: wallet.held.get(),
            lifetime_granted: wallet.lifetime_granted.get(),
            lifetime_spent: wallet.lifetime_spent.get(),
        }
    }
}

/// A line of `GET /credits/transactions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// `txn_<ulid>-<kind>`: the same event has the same id, always.
    pub id: String,
    /// What it books.
    pub kind: String,
    /// How much.
    pub amount: i64,
    /// What it did to `available`.
    pub available_delta: i64,
    /// What it did to `held`.
    pub held_delta: i64,
    /// `available` afterwards.
    pub available_after: i64,
    /// `held` afterwards.
    pub held_after: i64,
    /// The generation that it is for.
    pub generation_id: Option<String>,
    /// The user who caused it, or `system`.
    pub actor: String,
    /// One line for people.
    pub description: String,
    /// When.
    pub created_at: String,
}

impl From<&Entry> for Transaction {
    fn from(entry: &Entry) -> Self {
        Self {
            id: entry.id.clone(),
            kind: entry.kind.as_str().to_owned(),
            amount: entry.amount.get(),
            available_delta: entry.available_delta,
            held_delta: entry.held_delta,
            available_after: entry.available_after.get(),
            held_after: entry.held_after.get(),
            generation_id: entry.generation.as_ref().map(ToString::to_string),
            actor: entry.actor.to_string(),
            description: entry.description.clone(),
            created_at: time::format(entry.created_at),
        }
    }
}
