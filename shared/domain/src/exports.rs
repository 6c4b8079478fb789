//! The export of a month of a ledger as a table.
//!
//! Owns which entries belong to a month, and which facts about its job stand beside each. Refuses to know
//! how a table is written.

use std::time::Duration;

use crate::credits::Credits;
use crate::generations::{Generation, Parts};
use crate::ledger::Entry;
use crate::time::{Month, Timestamp};

/// The most entries of one export.
pub const ROWS_MAX: usize = 20_000;
/// The most that the clocks may differ of the machines that booked neighbouring entries. The places of
/// entries have no gaps, but their times need not be in the same order.
pub const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The entry.
    pub entry: Entry,
    /// The job of the entry, if it has one whose record exists.
    pub job: Option<Job>,
}

/// The facts about a job in an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The model's id.
    pub model: String,
    /// The price that it was opened at.
    pub quoted: Credits,
    /// The parts of the price.
    pub parts: Parts,
    /// The part of the captured credits that was given back afterwards.
    pub refunded: Credits,
}

impl From<&Generation> for Job {
    fn from(generation: &Generation) -> Self {
        Self {
            model: generation.model.clone(),
            quoted: generation.cost,
            parts: generation.parts(),
            refunded: generation.refunded,
        }
    }
}

/// Returns the times between which the entries of a month must be looked for.
#[must_use]
pub fn bounds(month: Month) -> (Timestamp, Timestamp) {
    let (begins, ends) = (month.begins(), month.next().begins());
    (begins.minus(SKEW_MAX), ends.plus(SKEW_MAX))
}

/// Whether an entry belongs to this month.
#[must_use]
pub fn is_of(entry: &Entry, month: Month) -> bool {
    Month::from(entry.created_at) == month
}
