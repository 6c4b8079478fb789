//! A month of a ledger, to be taken away as a table.
//!
//! Owns which entries are of a month, and what is told of the job of each. Refuses to know how a table is
//! written.

use std::time::Duration;

use crate::credits::Credits;
use crate::generations::{Generation, Parts};
use crate::ledger::Entry;
use crate::time::{Month, Timestamp};

/// The most entries that are told at once.
pub const ROWS_MAX: usize = 20_000;
/// How far the clocks may be apart of those who booked entries one after the other. The entries' places have
/// no gaps; their times need not follow them so strictly.
pub const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The entry.
    pub entry: Entry,
    /// The job that it sets credits aside for, if there is a record of it.
    pub job: Option<Job>,
}

/// What became of the credits of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The model's id.
    pub model: String,
    /// Its price.
    pub quoted: Credits,
    /// The parts of the price.
    pub parts: Parts,
    /// Of what was captured, what was given back afterwards.
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

/// When to begin to look for the entries of a month, and when to end.
#[must_use]
pub fn bounds(month: Month) -> (Timestamp, Timestamp) {
    let (begins, ends) = (month.begins(), month.next().begins());
    (begins.minus(SKEW_MAX), ends.plus(SKEW_MAX))
}

/// Whether an entry is of this month.
#[must_use]
pub fn is_of(entry: &Entry, month: Month) -> bool {
    Month::from(entry.created_at) == month
}
