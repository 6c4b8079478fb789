//! Reads of items by their keys, one or several in a call. Every read is strongly consistent. A call for
//! several items takes one connection and one round trip, where separate reads would each take their own.

use std::collections::HashMap;

use aws::Fault;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_sdk_dynamodb::types::builders::KeysAndAttributesBuilder;

use crate::Store;
use crate::items::{Item, text};
use crate::transact::backoff;

/// The number of items that DynamoDB reads in one batch.
pub(crate) const BATCH_MAX: usize = 100;
/// The most times that the database is asked for keys that it left out. It leaves out keys that a busy
/// partition cannot serve at once, and answers the rest. A single read would be refused there, and the SDK
/// would repeat it.
const TRIES_MAX: u32 = 6;

/// Builds the request for keys of one table (strongly consistent).
pub(crate) fn keys(keys: impl IntoIterator<Item = Item>) -> KeysAndAttributesBuilder {
    KeysAndAttributes::builder()
        .set_keys(Some(keys.into_iter().collect()))
        .consistent_read(true)
}

impl Store {
    /// Reads the item with this key, if it exists.
    pub(crate) async fn item<const KEYS: usize>(
        &self,
        doing: &'static str,
        table: &str,
        key: [(&str, &str); KEYS],
    ) -> Result<Option<Item>, Fault> {
        let key = key.map(|(name, value)| (name.to_owned(), text(value)));
        let found = self
            .client
            .get_item()
            .table_name(table)
            .set_key(Some(Item::from(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        Ok(found.item)
    }

    /// Reads those of the wanted items that exist, by table and in no order.
    pub(crate) async fn batch(
        &self,
        doing: &'static str,
        wanted: impl IntoIterator<Item = (&str, KeysAndAttributesBuilder)>,
    ) -> Result<HashMap<String, Vec<Item>>, Fault> {
        let mut left = HashMap::new();
        for (table, keys) in wanted {
            left.insert(table.to_owned(), keys.build().map_err(Fault::doing(doing))?);
        }
        let mut found: HashMap<String, Vec<Item>> = HashMap::new();
        for attempt in 0..TRIES_MAX {
            let answer = self
                .client
                .batch_get_item()
                .set_request_items(Some(left))
                .send()
                .await
                .map_err(Fault::doing(doing))?;
            for (table, items) in answer.responses.unwrap_or_default() {
                found.entry(table).or_default().extend(items);
            }
            left = answer.unprocessed_keys.unwrap_or_default();
            if left.is_empty() {
                return Ok(found);
            }
            let random = u64::from(getrandom::u32().map_err(Fault::doing(doing))?);
            tokio::time::sleep(backoff(attempt, random)).await;
        }
        Err(Fault::new(doing, "the database goes on leaving keys out"))
    }
}
