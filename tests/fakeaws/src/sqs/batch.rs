//! The rules that every batch operation shares.
//!
//! Owns the number of entries, the rules for their ids, and the form of an entry's failure.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::MESSAGES_PER_CALL_MAX;
use crate::wire::Refusal;

const ID_CHARACTERS_MAX: usize = 80;

/// The outcomes of a batch's entries.
#[derive(Default)]
pub(super) struct Outcome {
    successful: Vec<Value>,
    failed: Vec<Value>,
}

impl Outcome {
    /// Records one entry's outcome; `done` is the part of AWS's answer beside its id.
    pub(super) fn record(&mut self, id: &str, outcome: Result<Value, Refusal>) {
        match outcome {
            Ok(mut done) => {
                done["Id"] = id.into();
                self.successful.push(done);
            }
            Err(refusal) => self.failed.push(json!({
                "Id": id,
                "SenderFault": refusal.is_senders(),
                "Code": refusal.code(),
                "Message": refusal.message(),
            })),
        }
    }

    pub(super) fn json(self) -> Value {
        let mut json = json!({ "Successful": self.successful });
        if !self.failed.is_empty() {
            json["Failed"] = self.failed.into();
        }
        json
    }
}

/// Refuses a batch whose entries AWS would not read.
pub(super) fn check_ids<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), Refusal> {
    let count = ids.len();
    if count == 0 {
        let message = "There should be at least one entry in the request.";
        return Err(Refusal::of("EmptyBatchRequest", message));
    }
    if u32::try_from(count).unwrap_or(u32::MAX) > MESSAGES_PER_CALL_MAX {
        let message =
            format!("Maximum number of entries per request are 10. You have sent {count}.");
        return Err(Refusal::of("TooManyEntriesInBatchRequest", message));
    }
    let mut seen = HashSet::new();
    for id in ids {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if id.is_empty() || id.len() > ID_CHARACTERS_MAX || !id.chars().all(is_plain) {
            let message = "A batch entry id can only contain alphanumeric characters, hyphens and \
                           underscores. It can be at most 80 letters long.";
            return Err(Refusal::of("InvalidBatchEntryId", message));
        }
        if !seen.insert(id) {
            return Err(Refusal::of(
                "BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ));
        }
    }
    Ok(())
}
