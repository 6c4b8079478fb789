//! The records of reconciliation: the state in which each tenant was last found in order (`wallet#… /
//! usr_…`), and its run (`run / last`).

use aws::Fault;
use domain::Timestamp;
use domain::audit::{Chain, ChainHead};
use domain::reconciliation::{
    AuditLog, Book, BooksError, CheckedFrom, Checkpoint, Finding, Run, Totals,
};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::broken;
use super::ledger::{WalletItem, hash_text, read_hash, wallet_shard};

/// The run's hash key.
pub(crate) const RUN: &str = "run";
/// The run's sort key.
pub(crate) const LAST: &str = "last";
/// The range key of the last finished run.
pub(crate) const ROLLUP: &str = "rollup";
/// The platform's partition.
const PLATFORM_SHARD: &str = "platform";

/// Returns the partition of a chain's checkpoint: the one that its wallet has in the index.
pub(crate) fn checkpoint_shard(chain: &Chain) -> String {
    match chain {
        Chain::Tenant(tenant) => wallet_shard(tenant.as_str()),
        Chain::Platform => PLATFORM_SHARD.to_owned(),
    }
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct CheckpointItem {
    shard: String,
    tenant: String,
    wallet: Option<WalletItem>,
    log_hash: String,
    /// The number of entries and of records at that time. A checkpoint never moves back.
    pub(crate) entries: u64,
    pub(crate) records: u64,
}

impl From<&Checkpoint> for CheckpointItem {
    fn from(checkpoint: &Checkpoint) -> Self {
        let AuditLog { chain, head } = &checkpoint.log;
        let wallet = checkpoint.wallet.as_ref();
        Self {
            shard: checkpoint_shard(chain),
            tenant: chain.to_string(),
            wallet: wallet.map(WalletItem::from),
            log_hash: hash_text(head.hash),
            entries: wallet.map_or(0, |wallet| wallet.version),
            records: head.sequence,
        }
    }
}

impl TryFrom<CheckpointItem> for Checkpoint {
    type Error = Fault;

    fn try_from(item: CheckpointItem) -> Result<Self, Fault> {
        let head = ChainHead {
            sequence: item.records,
            hash: read_hash(&item.log_hash)?,
        };
        let chain = Chain::parse(&item.tenant).ok_or_else(|| broken("tenant"))?;
        Ok(Self {
            wallet: item.wallet.map(TryInto::try_into).transpose()?,
            log: AuditLog { chain, head },
        })
    }
}

#[derive(Serialize, Deserialize)]
struct FindingItem {
    chain: String,
    part: String,
    trouble: String,
    sequence: u64,
}

#[derive(Serialize, Deserialize)]
struct TotalsItem {
    available: i64,
    held: i64,
    owed: i64,
    granted: i64,
    spent: i64,
    in_flight: i64,
    bookings: i64,
}

impl From<Totals> for TotalsItem {
    fn from(totals: Totals) -> Self {
        Self {
            available: totals.available,
            held: totals.held,
            owed: totals.owed,
            granted: totals.granted,
            spent: totals.spent,
            in_flight: totals.in_flight,
            bookings: totals.bookings,
        }
    }
}

impl From<TotalsItem> for Totals {
    fn from(item: TotalsItem) -> Self {
        Self {
            available: item.available,
            held: item.held,
            owed: item.owed,
            granted: item.granted,
            spent: item.spent,
            in_flight: item.in_flight,
            bookings: item.bookings,
        }
    }
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct RunItem {
    shard: String,
    tenant: String,
    version: u64,
    scope: String,
    started_at_ms: i64,
    finished_at_ms: Option<i64>,
    whole_at_ms: Option<i64>,
    at_shard: u32,
    after: Option<String>,
    wallets: u64,
    entries: u64,
    records: u64,
    totals: TotalsItem,
    broken: u64,
    findings: Vec<FindingItem>,
}

impl RunItem {
    /// Builds the item that keeps the last finished run, from which its sums are read.
    pub(crate) fn rollup(run: &Run) -> Self {
        Self {
            tenant: ROLLUP.to_owned(),
            ..Self::from(run)
        }
    }
}

impl From<&Run> for RunItem {
    fn from(run: &Run) -> Self {
        let finding = |finding: &Finding| FindingItem {
            chain: finding.chain.clone(),
            part: finding.part.as_str().to_owned(),
            trouble: finding.trouble.as_str().to_owned(),
            sequence: finding.sequence,
        };
        Self {
            shard: RUN.to_owned(),
            tenant: LAST.to_owned(),
            version: run.version,
            scope: run.scope.as_str().to_owned(),
            started_at_ms: run.started_at.ms(),
            finished_at_ms: run.finished_at.map(Timestamp::ms),
            whole_at_ms: run.whole_at.map(Timestamp::ms),
            at_shard: run.shard,
            after: run.after.clone(),
            wallets: run.wallets,
            entries: run.entries,
            records: run.records,
            totals: TotalsItem::from(run.totals),
            broken: run.broken,
            findings: run.findings.iter().map(finding).collect(),
        }
    }
}

impl TryFrom<RunItem> for Run {
    type Error = Fault;

    fn try_from(item: RunItem) -> Result<Self, Fault> {
        let finding = |item: FindingItem| {
            Ok(Finding {
                chain: item.chain,
                part: Book::parse(&item.part).ok_or_else(|| broken("part"))?,
                trouble: BooksError::parse(&item.trouble).ok_or_else(|| broken("trouble"))?,
                sequence: item.sequence,
            })
        };
        let findings = item.findings.into_iter().map(finding);
        Ok(Self {
            version: item.version,
            scope: CheckedFrom::parse(&item.scope).ok_or_else(|| broken("scope"))?,
            started_at: Timestamp::from_ms(item.started_at_ms),
            finished_at: item.finished_at_ms.map(Timestamp::from_ms),
            whole_at: item.whole_at_ms.map(Timestamp::from_ms),
            shard: item.at_shard,
            after: item.after,
            wallets: item.wallets,
            entries: item.entries,
            records: item.records,
            totals: item.totals.into(),
            broken: item.broken,
            findings: findings.collect::<Result<_, Fault>>()?,
        })
    }
}
