//! Adding up the generations of a tenant, or of a project.
//!
//! Not counters: a counter of what is queued, running or stored would have to move with every step of a
//! job, also with the many that leave the wallet alone, and would then collide with the wallet's own
//! transactions. Instead a bounded number of the newest records is read when somebody asks, and the
//! answer says whether those were all.

use aws::Fault;
use domain::generations::{Counted, Stats};

use super::ListScope;
use crate::Store;
use crate::items::{self, CountedItem};

/// How many of the newest generations are counted.
pub const COUNTED_MAX: u32 = 5_000;

impl Store {
    /// Sums over the scope's newest [`COUNTED_MAX`] generations, and whether those are all that it has.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn generation_stats(&self, scope: ListScope<'_>) -> Result<(Stats, bool), Fault> {
        let mut stats = Stats::default();
        let mut start = None;
        let mut left = COUNTED_MAX;
        while left > 0 {
            let mut query = self
                .client
                .query()
                .table_name(&self.tables.generations)
                .index_name(scope.index())
                .key_condition_expression(scope.condition())
                .expression_attribute_values(":scope", scope.value())
                .scan_index_forward(false)
                .set_exclusive_start_key(start.take())
                .limit(i32::try_from(left).unwrap_or(i32::MAX));
            for name in CountedItem::ATTRIBUTES {
                query = query.expression_attribute_names(format!("#{name}"), name);
            }
            let projection = CountedItem::ATTRIBUTES.map(|name| format!("#{name}"));
            let found = query
                .projection_expression(projection.join(", "))
                .send()
                .await
                .map_err(Fault::doing("counting generations"))?;
            let items = found.items.unwrap_or_default();
            left = left.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
            for item in items {
                stats.add(&Counted::try_from(items::read::<CountedItem>(item)?)?);
            }
            start = found.last_evaluated_key;
            if start.is_none() {
                return Ok((stats, true));
            }
        }
        Ok((stats, false))
    }
}
