//! The calls that roles made, and their order in time: an endpoint costs calls, not time.
//!
//! Owns the record, which begins once somebody asks for it. Refuses to know what a call does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One call that was answered.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name of the role that made it.
    pub role: String,
    /// The operation, such as `GetItem`; the method and the service where the wire names none: `PUT s3`.
    pub operation: String,
    /// The moment at which its request was read to the end.
    pub began: Instant,
    /// The moment at which its answer was sent.
    pub ended: Instant,
}

/// The record. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Option<Record>>>);

struct Record {
    answer_after: Duration,
    calls: Vec<Call>,
}

impl Calls {
    /// Records from now on. Each answer takes at least `answer_after`, so that calls which do not wait for
    /// one another are under way together.
    pub(crate) fn watch(&self, answer_after: Duration) {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = Vec::new();
        *record = Some(Record {
            answer_after,
            calls,
        });
    }

    /// The shortest time that an answer takes; `None` when nothing is recorded.
    pub(crate) fn answer_after(&self) -> Option<Duration> {
        let record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        record.as_ref().map(|record| record.answer_after)
    }

    pub(crate) fn add(&self, call: Call) {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = record.as_mut() {
            record.calls.push(call);
        }
    }

    /// Takes the calls that were recorded since the last take.
    pub(crate) fn take(&self) -> Vec<Call> {
        let mut record = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = record.as_mut().map(|record| &mut record.calls);
        taken.map(std::mem::take).unwrap_or_default()
    }
}
