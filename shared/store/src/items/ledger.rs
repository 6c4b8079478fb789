//! The wallet (sort key `wallet`) and its entries (sort key: the entry's id), under the tenant's id.

use aws::Fault;
use domain::alerts::Watch;
use domain::chain::Link;
use domain::ids::{GenerationId, Tenant};
use domain::ledger::{Actor, Entry, EntryKind, Wallet};
use domain::{Credits, Timestamp};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;

/// The wallet's sort key.
pub(crate) const WALLET: &str = "wallet";
/// The number of partitions of the index of wallets.
const WALLET_SHARDS: u8 = 16;

/// Returns every partition of the index of wallets.
pub(crate) fn wallet_shards() -> impl Iterator<Item = String> {
    (0..WALLET_SHARDS).map(|n| format!("wallet#{n}"))
}

/// Returns the partition of the index that a tenant's wallet is in.
pub(crate) fn wallet_shard(tenant: &str) -> String {
    let last = tenant.bytes().last().unwrap_or(0);
    format!("wallet#{}", last % WALLET_SHARDS)
}

/// Returns a hash in its stored form.
pub(crate) fn hash_text(link: Link) -> String {
    hex::encode(link.as_bytes())
}

/// Reads a hash from its stored form.
pub(crate) fn read_hash(text: &str) -> Result<Link, Fault> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| broken("hash"))?;
    Ok(Link::from_bytes(bytes))
}

#[derive(Serialize, Deserialize)]
pub(crate) struct WalletItem {
    tenant: String,
    entry: String,
    available: i64,
    held: i64,
    lifetime_granted: i64,
    lifetime_spent: i64,
    owed: i64,
    in_flight: u32,
    version: u64,
    last_hash: String,
    /// Only wallets have this attribute. It puts them, and nothing else, into the index that reconciliation
    /// reads.
    shard: String,
}

impl From<&Wallet> for WalletItem {
    fn from(wallet: &Wallet) -> Self {
        Self {
            tenant: wallet.tenant.to_string(),
            entry: WALLET.to_owned(),
            available: wallet.available.get(),
            held: wallet.held.get(),
            lifetime_granted: wallet.lifetime_granted.get(),
            lifetime_spent: wallet.lifetime_spent.get(),
            owed: wallet.owed.get(),
            in_flight: wallet.in_flight,
            version: wallet.version,
            last_hash: hash_text(wallet.last),
            shard: wallet_shard(wallet.tenant.as_str()),
        }
    }
}

impl TryFrom<WalletItem> for Wallet {
    type Error = Fault;

    fn try_from(item: WalletItem) -> Result<Self, Fault> {
        let credits = |amount| Credits::new(amount).ok_or_else(|| broken("amount"));
        Ok(Self {
            tenant: Tenant::parse(&item.tenant).ok_or_else(|| broken("tenant"))?,
            available: credits(item.available)?,
            held: credits(item.held)?,
            lifetime_granted: credits(item.lifetime_granted)?,
            lifetime_spent: credits(item.lifetime_spent)?,
            owed: credits(item.owed)?,
            in_flight: item.in_flight,
            version: item.version,
            last: read_hash(&item.last_hash)?,
            watch: Watch::default(),
        })
    }
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct EntryItem {
    tenant: String,
    entry: String,
    kind: String,
    amount: i64,
    available_delta: i64,
    held_delta: i64,
    owed_delta: i64,
    available_after: i64,
    held_after: i64,
    generation_id: Option<String>,
    actor: String,
    description: String,
    created_at_ms: i64,
    sequence: u64,
    hash: String,
}

impl From<&Entry> for EntryItem {
    fn from(entry: &Entry) -> Self {
        Self {
            tenant: entry.tenant.to_string(),
            entry: entry.id.clone(),
            kind: entry.kind.as_str().to_owned(),
            amount: entry.amount.get(),
            available_delta: entry.available_delta,
            held_delta: entry.held_delta,
            owed_delta: entry.owed_delta,
            available_after: entry.available_after.get(),
            held_after: entry.held_after.get(),
            generation_id: entry.generation.as_ref().map(ToString::to_string),
            actor: entry.actor.to_string(),
            description: entry.description.clone(),
            created_at_ms: entry.created_at.ms(),
            sequence: entry.sequence,
            hash: hash_text(entry.hash),
        }
    }
}

impl TryFrom<EntryItem> for Entry {
    type Error = Fault;

    fn try_from(item: EntryItem) -> Result<Self, Fault> {
        let credits = |amount| Credits::new(amount).ok_or_else(|| broken("amount"));
        let generation = match item.generation_id {
            Some(id) => Some(GenerationId::parse(&id).ok_or_else(|| broken("generation_id"))?),
            None => None,
        };
        Ok(Self {
            id: item.entry,
            tenant: Tenant::parse(&item.tenant).ok_or_else(|| broken("tenant"))?,
            kind: EntryKind::parse(&item.kind).ok_or_else(|| broken("kind"))?,
            amount: credits(item.amount)?,
            available_delta: item.available_delta,
            held_delta: item.held_delta,
            owed_delta: item.owed_delta,
            available_after: credits(item.available_after)?,
            held_after: credits(item.held_after)?,
            generation,
            actor: Actor::parse(&item.actor).ok_or_else(|| broken("actor"))?,
            description: item.description,
            created_at: Timestamp::from_ms(item.created_at_ms),
            sequence: item.sequence,
            hash: read_hash(&item.hash)?,
        })
    }
}
