//! What a tenant has set aside, and what it has spent on which day and model. Owns the form of both; refuses to know
//! how they are kept.

use crate::credits::Credits;
use crate::ids::GenerationId;
use crate::time::{Day, Timestamp};

/// The most days that one answer looks back.
pub const DAYS_MAX: u32 = 90;

/// Credits set aside for a job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHold {
    /// The job.
    pub generation: GenerationId,
    /// Its model's id.
    pub model: String,
    /// How much.
    pub amount: Credits,
    /// Since when.
    pub created_at: Timestamp,
}

/// What was spent on one model in one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The day of the captures, UTC.
    pub day: Day,
    /// The model's id.
    pub model: String,
    /// How much was captured.
    pub credits: Credits,
    /// For how many generations.
    pub generations: u64,
}
