//! The order in which jobs are handed over to the provider.
//!
//! The provider runs few jobs of an account at a time, and queues the rest first come, first served, for
//! all our tenants together. So each lane hands over few at a time, and the others wait with us. Owns the
//! rules: a job's line and its turn there, the number of slots, the next jobs, and the slots that dead
//! workers left behind. Refuses to know where lanes are kept and how a worker is told.
//!
//! A lane has two lines, and no number of free accounts can change their shares: while both wait, one
//! hand-over in five is the low line's, and the others are the normal line's. Within a line, turns are
//! self-clocked fair queueing (Golestani, INFOCOM 1994) in whole numbers. Each job of a tenant's comes one
//! unit after the one before it, counted from the turn that the line has come to. The better the plan, the
//! smaller the unit.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::generations::State;
use crate::ids::GenerationId;
use crate::lanes::{Priority, Waiting};
use crate::plans::Plan;
use crate::time::Timestamp;

/// The most hand-overs that the normal line has in a row while a job waits in the low line.
pub const NORMAL_IN_A_ROW_MAX: u32 = 4;
/// The longest time that a worker may hold a slot before it records that it submits the job: longer than
/// its function may run.
const TAKING_MAX: Duration = Duration::from_secs(90);

/// Returns the turn of a tenant's new job, in a line that has come to the turn `served`, when the tenant
/// has `in_flight` jobs already.
#[must_use]
pub fn turn(served: u64, in_flight: u32, plan: Plan) -> u64 {
    let unit = match plan {
        Plan::Free => 8,
        Plan::Basic => 4,
        Plan::Pro => 2,
        Plan::Enterprise => 1,
    };
    let place = u64::from(in_flight).saturating_add(1);
    served.saturating_add(place.saturating_mul(unit))
}

/// Returns the number of jobs that a lane hands over to a provider that runs `concurrency` of them: half as
/// many more, so that the provider always has a next job at hand.
#[must_use]
pub const fn slots_max(concurrency: u32) -> u32 {
    concurrency.saturating_add(concurrency.div_ceil(2))
}

/// The state of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// The jobs that hold a slot, and when each took it: a job holds one while it is submitted and while it
    /// runs at the provider.
    pub slots: BTreeMap<GenerationId, Timestamp>,
    /// The last turn that was handed over in the normal line.
    pub served_normal: u64,
    /// The last turn that was handed over in the low line.
    pub served_low: u64,
    /// The hand-overs of the normal line since the low line's last.
    pub normal_in_a_row: u32,
    /// Chances to hand a job over that came while every slot was taken, and were kept. Each is used when a
    /// slot comes free.
    pub chances: u32,
}

impl Traffic {
    /// The last turn that was handed over in a line.
    #[must_use]
    pub const fn served(&self, priority: Priority) -> u64 {
        match priority {
            Priority::Normal => self.served_normal,
            Priority::Low => self.served_low,
        }
    }

    /// The number of free slots of `slots_max`.
    #[must_use]
    pub fn free(&self, slots_max: u32) -> u32 {
        let taken = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        slots_max.saturating_sub(taken)
    }

    /// Picks the next `count` jobs from both lines. A job that has a slot is skipped, even if a line still
    /// lists it.
    #[must_use]
    pub fn next(&self, mut lines: Vec<Waiting>, count: u32) -> Vec<Waiting> {
        lines.retain(|job| !self.slots.contains_key(&job.id));
        lines.sort_by(|one, other| (one.turn, &one.id).cmp(&(other.turn, &other.id)));
        let (normal, low): (Vec<_>, Vec<_>) = lines
            .into_iter()
            .partition(|job| job.priority == Priority::Normal);
        let (mut normal, mut low) = (normal.into_iter(), low.into_iter());
        let mut in_a_row = self.normal_in_a_row;
        let mut next = Vec::new();
        for _ in 0..count {
            let job = if in_a_row < NORMAL_IN_A_ROW_MAX {
                normal.next().or_else(|| low.next())
            } else {
                low.next().or_else(|| normal.next())
            };
            let Some(job) = job else { break };
            in_a_row = match job.priority {
                Priority::Normal => in_a_row.saturating_add(1),
                Priority::Low => 0,
            };
            next.push(job);
        }
        next
    }
}

/// Whether a slot was left behind. It was taken at `taken_at`, and its job now has this state, or is gone
/// (`None`): the worker died before it gave the slot back.
#[must_use]
pub fn is_left_behind(state: Option<State>, taken_at: Timestamp, now: Timestamp) -> bool {
    match state {
        // A worker takes the slot before it records that it submits the job.
        Some(State::Queued) => now.since(taken_at) >= TAKING_MAX,
        Some(state) => !state.holds_slot(),
        None => true,
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
