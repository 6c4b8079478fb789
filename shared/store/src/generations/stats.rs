//! Statistics over the generations of a tenant or a project.
//!
//! There are no counters for this. A counter of queued, running or stored jobs would change with every step
//! of a job, even with the many steps that leave the wallet alone, and would collide with the wallet's own
//! transactions. Instead, each request reads a bounded number of the newest records, and the answer says
//! whether those were all.

use aws::Fault;
use domain::generations::{GenerationStats, StatsRow};

use super::ListScope;
use crate::Store;
use crate::items::{self, CountedItem};

/// The number of newest generations that are counted.
pub const COUNTED_MAX: u32 = 5_000;

impl Store {
    /// Adds up the scope's newest [`COUNTED_MAX`] generations; the flag says whether those are all that it
    /// has.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn generation_stats(
        &self,
        scope: ListScope<'_>,
    ) -> Result<(GenerationStats, bool), Fault> {
        let mut stats = GenerationStats::default();
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
                stats.add(&StatsRow::try_from(items::read::<CountedItem>(item)?)?);
            }
            start = found.last_evaluated_key;
            if start.is_none() {
                return Ok((stats, true));
            }
        }
        Ok((stats, false))
    }
}
