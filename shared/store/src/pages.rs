//! A page of what somebody has: one query of an index that is sorted by id, the newest first.

use aws::Fault;

use crate::Store;
use crate::cursor::cut;
use crate::items::{Item, text};

/// An index by whose things they are.
#[derive(Clone, Copy)]
pub(crate) struct Index<'a> {
    /// Its table.
    pub(crate) table: &'a str,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its hash key; its sort key is the id.
    pub(crate) owner: &'static str,
}

impl Store {
    /// A page of the items that are `owner`'s, from the one before the id `after`; and whether there is more.
    pub(crate) async fn newest(
        &self,
        doing: &'static str,
        index: Index<'_>,
        owner: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Item>, bool), Fault> {
        let found = self
            .client
            .query()
            .table_name(index.table)
            .index_name(index.name)
            .key_condition_expression("#owner = :owner AND id < :before")
            .expression_attribute_names("#owner", index.owner)
            .expression_attribute_values(":owner", text(owner))
            // `~` sorts after every id.
            .expression_attribute_values(":before", text(after.unwrap_or("~")))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let stopped_at = found.last_evaluated_key.as_ref();
        Ok(cut(found.items.unwrap_or_default(), stopped_at, limit))
    }
}
