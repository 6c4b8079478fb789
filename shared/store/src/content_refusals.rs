//! The number of an author's jobs that were refused for their content on a day. Each author and day has one
//! item (`refused#<user>#<day>`). It is counted in the transaction that ends the job, so each job counts
//! once even if its end is reported several times. The database expires the item after the day.

use std::time::Duration;

use aws::Fault;
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use domain::ids::UserId;
use domain::time::Day;

use crate::Store;
use crate::items::{self, Item, number, text};

/// The time for which a count is kept, from the beginning of its day.
const KEPT: Duration = Duration::from_secs(2 * 24 * 3_600);
/// The attribute that holds the count.
const COUNT: &str = "refusals";

impl Store {
    /// Builds the update that counts one more refusal, for the transaction that ends the job.
    pub(crate) fn count_content_refusal(&self, author: &UserId, day: Day) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.generations)
            .key("id", text(item_id(author, day)))
            .update_expression("SET #ttl = :ttl ADD #count :one")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#count", COUNT)
            .expression_attribute_values(":ttl", number(day.begins().plus(KEPT).seconds()))
            .expression_attribute_values(":one", number(1))
    }
}

/// Returns the number of the author's jobs that ended on a day with their content refused, wholly or in
/// part, by the item of the count.
pub(crate) fn count_in(item: Option<Item>) -> Result<u64, Fault> {
    let Some(item) = item else { return Ok(0) };
    let count = item.get(COUNT).and_then(|count| count.as_n().ok());
    count
        .and_then(|count| count.parse().ok())
        .ok_or_else(|| items::broken(COUNT))
}

/// Returns the key of the count's item. The item has no tenant, so no list of generations shows it.
pub(crate) fn item_id(author: &UserId, day: Day) -> String {
    format!("refused#{author}#{}", day.number())
}
