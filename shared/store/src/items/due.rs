//! The attributes that the sparse indexes of generations use: `due` (due_shard, due_at_ms) has the
//! generations that must be looked at, and `by_holder` (holder, id) has those with an open hold.

use aws::Fault;
use domain::generations::{Generation, State};
use domain::ids::GenerationId;
use domain::spending::OpenHold;
use domain::{Credits, Timestamp};
use serde::Deserialize;

use super::{Item, broken};

/// The number of shards of the `due` index. Writes to it spread over this many partitions.
const DUE_SHARDS: u8 = 4;

/// Returns the hash keys of the `due` index that jobs have.
pub(crate) fn due_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(|n| format!("due#{n}"))
}

/// Returns the hash keys of the `due` index that finished generations have whose media expire. They are
/// apart from those of jobs, so however many expire, no job waits for them.
pub(crate) fn kept_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(|n| format!("kept#{n}"))
}

/// Returns the hash key of a job that must be looked at.
pub(super) fn due_shard(job: &Generation) -> String {
    let last = job.id.as_str().bytes().last().unwrap_or(0);
    let waits = match job.state == State::Succeeded && !job.awaits_previews() {
        true => "kept",
        false => "due",
    };
    format!("{waits}#{}", last % DUE_SHARDS)
}

/// Returns whether a worker is working on this generation, or will. Finished generations whose media expire
/// do not count.
pub(crate) fn is_in_work(generation: &Item) -> bool {
    let shard = generation.get("due_shard").and_then(|it| it.as_s().ok());
    shard.is_some_and(|shard| due_shards().any(|due| due == *shard))
}

/// The attributes that the index of due jobs has of a job.
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

/// The attributes that the index of open holds has of a job.
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
