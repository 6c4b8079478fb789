//! The counts of DynamoDB's calls: a page costs calls and items read there, not time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

/// The number of calls of one kind, and the number of items that they looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The calls that were answered.
    pub calls: u64,
    /// The items that queries looked at, whether or not a filter let them through.
    pub looked_at: u64,
    /// The capacity that was consumed while calls were watched, in halves of a unit: an eventually consistent
    /// read of up to 4 KB takes one half.
    pub half_units: u64,
}

/// Counts since the start, by operation and the table and index that it names: `Query generations/by_tenant`.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<Mutex<BTreeMap<String, Asked>>>);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    table_name: Option<String>,
    index_name: Option<String>,
    request_items: Option<BTreeMap<String, serde::de::IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    scanned_count: Option<u64>,
    consumed_capacity: Option<Capacity>,
}

/// The capacity of one table, or of each table of a batch or transaction.
#[derive(Deserialize)]
#[serde(untagged)]
enum Capacity {
    One(Consumed),
    Each(Vec<Consumed>),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Consumed {
    capacity_units: f64,
}

impl Capacity {
    fn half_units(&self) -> u64 {
        let consumed = match self {
            Self::One(consumed) => std::slice::from_ref(consumed),
            Self::Each(consumed) => consumed,
        };
        let halves = |consumed: &Consumed| (consumed.capacity_units * 2.0).round();
        consumed.iter().map(halves).sum::<f64>() as u64
    }
}

impl Tally {
    /// Counts one answered call.
    pub(crate) fn count(&self, operation: &str, request: &[u8], answer: &str) {
        let Ok(named) = serde_json::from_slice::<Named>(request) else {
            return;
        };
        let tables = match (named.table_name, named.request_items) {
            (Some(table), _) => table,
            (None, Some(items)) => items.into_keys().collect::<Vec<_>>().join(","),
            (None, None) => String::new(),
        };
        let name = match named.index_name {
            Some(index) => format!("{operation} {tables}/{index}"),
            None => format!("{operation} {tables}"),
        };
        let found = serde_json::from_str::<Found>(answer).ok();
        let capacity = found
            .as_ref()
            .and_then(|found| found.consumed_capacity.as_ref());
        let half_units = capacity.map_or(0, Capacity::half_units);
        let looked_at = found.and_then(|found| found.scanned_count);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = counts.entry(name).or_default();
        asked.calls += 1;
        asked.looked_at += looked_at.unwrap_or(0);
        asked.half_units += half_units;
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> BTreeMap<String, Asked> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}
