//! The audit log: the records of a chain (sort key: the place, written so that it sorts) and its head
//! (`head`).

use aws::Fault;
use domain::Timestamp;
use domain::audit::{AuditAction, AuditEvent, AuditRecord, Chain, ChainHead};
use domain::ledger::Actor;
use serde::{Deserialize, Serialize};

use super::broken;
use super::ledger::{hash_text, read_hash};

/// A head's sort key. It sorts after those of all records.
pub(crate) const HEAD: &str = "head";

/// Returns the sort key of the record at `sequence`.
pub(crate) fn place(sequence: u64) -> String {
    format!("{sequence:020}")
}

#[derive(Serialize, Deserialize)]
pub(crate) struct RecordItem {
    chain: String,
    place: String,
    sequence: u64,
    at_ms: i64,
    actor: String,
    act: String,
    subject: String,
    hash: String,
}

impl From<&AuditRecord> for RecordItem {
    fn from(record: &AuditRecord) -> Self {
        Self {
            chain: record.deed.chain.to_string(),
            place: place(record.sequence),
            sequence: record.sequence,
            at_ms: record.at.ms(),
            actor: record.deed.actor.to_string(),
            act: record.deed.act.as_str().to_owned(),
            subject: record.deed.subject.clone(),
            hash: hash_text(record.hash),
        }
    }
}

impl TryFrom<RecordItem> for AuditRecord {
    type Error = Fault;

    fn try_from(item: RecordItem) -> Result<Self, Fault> {
        if item.place != place(item.sequence) {
            return Err(broken("place"));
        }
        Ok(Self {
            deed: AuditEvent {
                chain: Chain::parse(&item.chain).ok_or_else(|| broken("chain"))?,
                actor: Actor::parse(&item.actor).ok_or_else(|| broken("actor"))?,
                act: AuditAction::parse(&item.act).ok_or_else(|| broken("act"))?,
                subject: item.subject,
            },
            sequence: item.sequence,
            at: Timestamp::from_ms(item.at_ms),
            hash: read_hash(&item.hash)?,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct HeadItem {
    chain: String,
    place: String,
    sequence: u64,
    hash: String,
}

impl HeadItem {
    /// Builds the item of the head of `chain`.
    pub(crate) fn new(chain: &Chain, head: ChainHead) -> Self {
        Self {
            chain: chain.to_string(),
            place: HEAD.to_owned(),
            sequence: head.sequence,
            hash: hash_text(head.hash),
        }
    }
}

impl TryFrom<HeadItem> for ChainHead {
    type Error = Fault;

    fn try_from(item: HeadItem) -> Result<Self, Fault> {
        Ok(Self {
            sequence: item.sequence,
            hash: read_hash(&item.hash)?,
        })
    }
}
