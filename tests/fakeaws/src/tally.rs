//! What DynamoDB was asked, counted: what a page costs there is calls and items read, not time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

/// How often something was asked, and how many items were looked at for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The calls that were answered.
    pub calls: u64,
    /// The items that queries looked at, whether or not a filter let them through.
    pub looked_at: u64,
}

/// Counts since the start, by operation and what it names: `Query generations/by_tenant`.
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
}

impl Tally {
    /// Counts one call that was answered.
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
        let looked_at = found.and_then(|found| found.scanned_count);
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = counts.entry(name).or_default();
        asked.calls += 1;
        asked.looked_at += looked_at.unwrap_or(0);
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> BTreeMap<String, Asked> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.clone()
    }
}
