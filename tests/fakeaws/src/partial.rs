//! Batches of which DynamoDB reads a part, as it does when a partition is busy: the rest is named in
//! `UnprocessedKeys`, and the client asks again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// The number of batches that are still to be read in part. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Partial(Arc<AtomicU32>);

impl Partial {
    pub(crate) fn set(&self, batches: u32) {
        self.0.store(batches, Ordering::Relaxed);
    }

    /// Takes the last key out of a batch of several, while batches are to be read in part. Returns the
    /// shorter request and the keys that are left for later.
    pub(crate) fn cut(&self, body: &[u8]) -> Option<(Vec<u8>, Value)> {
        if self.0.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut batch: Value = serde_json::from_slice(body).ok()?;
        let tables = batch["RequestItems"].as_object_mut()?;
        let count = |wanted: &Value| wanted["Keys"].as_array().map_or(0, Vec::len);
        // AWS would refuse a batch without keys.
        if tables.values().map(count).sum::<usize>() < 2 {
            return None;
        }
        let (table, wanted) = tables.iter_mut().next_back()?;
        let (table, mut rest) = (table.clone(), wanted.clone());
        let left = wanted["Keys"].as_array_mut()?.pop()?;
        rest["Keys"] = json!([left]);
        if count(wanted) == 0 {
            tables.remove(&table);
        }
        self.0.fetch_sub(1, Ordering::Relaxed);
        Some((batch.to_string().into_bytes(), json!({ table: rest })))
    }
}
