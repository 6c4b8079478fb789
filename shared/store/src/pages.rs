//! Pages of lists. Owns what a page is, and the query of an index that is sorted by id, newest first.

use aws::Fault;

use crate::Store;
use crate::cursor::{Cursor, Place, cut};
use crate::items::{Item, text};

/// A page of a list, with rows at places of the kind `P`. If the list leaves rows out, a page may be
/// shorter than asked for and still have a next one.
#[derive(Debug)]
pub struct Page<T, P> {
    /// The rows.
    pub rows: Vec<T>,
    /// The place after which the next page starts, if there may be one.
    pub next: Option<Cursor<P>>,
}

impl<T, P: Place> Page<T, P> {
    /// Builds a page of these rows. If there is `more`, the next page starts after the place of the last
    /// row.
    pub(crate) fn new(rows: Vec<T>, more: bool, place: impl FnOnce(&T) -> P) -> Self {
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Cursor::after(place(row)));
        Self { rows, next }
    }
}

/// An index that lists items by their owner.
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
    /// Reads a page of the items of `owner`, newest first, starting below the id `after`; the flag says
    /// whether there are more.
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
