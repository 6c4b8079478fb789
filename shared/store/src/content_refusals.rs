//! How many jobs of an author were refused for their content on a day: one item an author and day
//! (`refused#<user>#<day>`), counted in the very transaction that ends the job, so that each counts once
//! however often its end is told. The database forgets an item when its day is long over.

use std::time::Duration;

use aws::Fault;
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use domain::ids::UserId;
use domain::time::Day;

use crate::Store;
use crate::items::{self, Item, number, text};

/// How long a count is kept from the beginning of its day.
const KEPT: Duration = Duration::from_secs(2 * 24 * 3_600);
/// The attribute that counts.
const COUNT: &str = "refusals";

impl Store {
    /// Counts one more, for the transaction that ends the job.
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

/// How many of the author's jobs ended on a day with their content refused, wholly
/// or in part; by the count's item.
pub(crate) fn count_in(item: Option<Item>) -> Result<u64, Fault> {
    let Some(item) = item else { return Ok(0) };
    let count = item.get(COUNT).and_then(|count| count.as_n().ok());
    count
        .and_then(|count| count.parse().ok())
        .ok_or_else(|| items::broken(COUNT))
}

/// Its key has no tenant, so that no list of generations has it.
pub(crate) fn item_id(author: &UserId, day: Day) -> String {
    format!("refused#{author}#{}", day.number())
}
