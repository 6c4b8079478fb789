//! What the sparse indexes of generations have of a job: `due` (due_shard, due_at_ms), of those that somebody
//! must look at, and `by_holder` (holder, id), of those whose hold is open.

use aws::Fault;
use domain::generations::{Generation, State};
use domain::ids::GenerationId;
use domain::spending::OpenHold;
use domain::{Credits, Timestamp};
use serde::Deserialize;

use super::{Item, broken};

/// Shards of the `due` index: a write to it spreads over this many partitions.
const DUE_SHARDS: u8 = 4;

/// The hash keys of the `due` index.
pub(crate) fn due_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(|n| format!("due#{n}"))
}

/// The same of those at rest whose media are not kept for ever: however many expire, no job waits for them.
pub(crate) fn kept_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(|n| format!("kept#{n}"))
}

/// The hash key of a job that must be looked at.
pub(super) fn due_shard(job: &Generation) -> String {
    let last = job.id.as_str().bytes().last().unwrap_or(0);
    let waits = match job.state == State::Succeeded && !job.awaits_previews() {
        true => "kept",
        false => "due",
    };
    format!("{waits}#{}", last % DUE_SHARDS)
}

/// Whether a worker is to look at this generation, or does: not one at rest, whatever becomes of its media.
pub(crate) fn is_in_work(generation: &Item) -> bool {
    let shard = generation.get("due_shard").and_then(|it| it.as_s().ok());
    shard.is_some_and(|shard| due_shards().any(|due| due == *shard))
}

/// What the index of due jobs has of one.
#[derive(Deserialize)]
pub(crate) struct DueItem {
    id: String,
    due_at_ms: i64,
}

impl TryFrom<DueItem> for (GenerationId, Timestamp) {
    type Error = Fault;

    fn try_from(item: DueItem) -> Result<Self, Fault> {
        let id = GenerationId::parse(&item.id).ok_or_else(|| broken("id"))?;
        Ok((id, Timestamp::from_ms(item.due_at_ms)))
    }
}

/// What the index of open holds has of a job.
#[derive(Deserialize)]
pub(crate) struct HoldItem {
    id: String,
    model: String,
    cost: i64,
    created_at_ms: i64,
}

impl TryFrom<HoldItem> for OpenHold {
    type Error = Fault;

    fn try_from(item: HoldItem) -> Result<Self, Fault> {
        Ok(Self {
            generation: GenerationId::parse(&item.id).ok_or_else(|| broken("id"))?,
            model: item.model,
            amount: Credits::new(item.cost).ok_or_else(|| broken("cost"))?,
            created_at: Timestamp::from_ms(item.created_at_ms),
        })
    }
}
