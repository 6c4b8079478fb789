//! Open holds, and the credits spent by day and model.
//!
//! Open holds are listed by an index that has only jobs with an open hold. Spending is counted in one item
//! for each tenant and day (`day#<number>`), in the transaction that captures or refunds the credits. So it
//! agrees with the ledger by construction, and ninety days are one query of at most ninety small items,
//! however many entries the ledger has. Reading the ledger instead would cost most for the tenants who
//! spend most, and a limit on it would make the answer wrong for exactly those. The wallet's version
//! already serialises a tenant's captures, so the counter adds no contention of its own.

use aws::Fault;
use aws_sdk_dynamodb::types::Update;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use domain::Credits;
use domain::ids::{GenerationId, Tenant};
use domain::ledger::Entry;
use domain::spending::{OpenHold, Spent};
use domain::time::Day;

use crate::Store;
use crate::cursor::Cursor;
use crate::items::{self, HoldItem, Item, number, text};
use crate::pages::{Index, Page};

/// The prefix of the name of a model's captured credits, in a day's item.
const CREDITS: &str = "credits:";
/// The prefix of the name of a model's captured generations.
const GENERATIONS: &str = "generations:";

impl Store {
    /// Reads a page of the tenant's open holds, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn holds(
        &self,
        tenant: &Tenant,
        after: Option<Cursor<GenerationId>>,
        limit: u32,
    ) -> Result<Page<OpenHold, GenerationId>, Fault> {
        let index = Index {
            table: &self.tables.generations,
            name: "by_holder",
            owner: "holder",
        };
        let after = after.as_ref().map(|last| last.place().as_str());
        let (found, more) = self
            .newest("listing open holds", index, tenant.as_str(), after, limit)
            .await?;
        let holds = found
            .into_iter()
            .map(|item| items::read::<HoldItem>(item)?.try_into())
            .collect::<Result<Vec<OpenHold>, Fault>>()?;
        Ok(Page::new(holds, more, |hold| hold.generation.clone()))
    }

    /// Reads the tenant's spending from `first` to `last`, earliest day first.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn spending(
        &self,
        tenant: &Tenant,
        first: Day,
        last: Day,
    ) -> Result<Vec<Spent>, Fault> {
        let doing = "reading what was spent";
        let found = self
            .client
            .query()
            .table_name(&self.tables.credits)
            .key_condition_expression("tenant = :tenant AND #entry BETWEEN :first AND :last")
            .expression_attribute_names("#entry", "entry")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":first", text(day_key(first)))
            .expression_attribute_values(":last", text(day_key(last)))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        if found.last_evaluated_key.is_some() {
            return Err(Fault::new(doing, "the days do not fit in one page"));
        }
        let days = found.items.unwrap_or_default().into_iter().map(read_day);
        Ok(days.collect::<Result<Vec<_>, Fault>>()?.concat())
    }

    /// Builds the update that counts a capture in its day and model, for the transaction that books it.
    pub(crate) fn count_spent(&self, entry: &Entry, model: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.credits)
            .key("tenant", text(entry.tenant.as_str()))
            .key("entry", text(day_key(entry.created_at.into())))
            .update_expression("ADD #credits :amount, #generations :one")
            .expression_attribute_names("#credits", format!("{CREDITS}{model}"))
            .expression_attribute_names("#generations", format!("{GENERATIONS}{model}"))
            .expression_attribute_values(":amount", number(entry.amount.get()))
            .expression_attribute_values(":one", number(1))
    }

    /// Builds the update that subtracts a refund from its model's spending on the day of the capture. The
    /// generation stays counted.
    pub(crate) fn uncount_spent(&self, entry: &Entry, spent_on: Day, model: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.credits)
            .key("tenant", text(entry.tenant.as_str()))
            .key("entry", text(day_key(spent_on)))
            .update_expression("SET #credits = #credits - :amount")
            .condition_expression("#credits >= :amount")
            .expression_attribute_names("#credits", format!("{CREDITS}{model}"))
            .expression_attribute_values(":amount", number(entry.amount.get()))
    }
}

/// Returns the sort key of a day. All have the same length, so that days sort.
fn day_key(day: Day) -> String {
    format!("day#{:08}", day.number())
}

fn read_day(item: Item) -> Result<Vec<Spent>, Fault> {
    let day = item
        .get("entry")
        .and_then(|entry| entry.as_s().ok())
        .and_then(|entry| entry.strip_prefix("day#")?.parse().ok())
        .map(Day::from_number)
        .ok_or_else(|| items::broken("day"))?;
    let count = |name: &str| -> Result<i64, Fault> {
        let value = item.get(name).and_then(|value| value.as_n().ok());
        value
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| items::broken("count"))
    };
    let mut models: Vec<&str> = item
        .keys()
        .filter_map(|name| name.strip_prefix(CREDITS))
        .collect();
    models.sort_unstable();
    let spent = models.into_iter().map(|model| {
        let credits = count(&format!("{CREDITS}{model}"))?;
        let generations = count(&format!("{GENERATIONS}{model}"))?;
        Ok(Spent {
            day,
            model: model.to_owned(),
            credits: Credits::new(credits).ok_or_else(|| items::broken("count"))?,
            generations: u64::try_from(generations).map_err(|_| items::broken("count"))?,
        })
    });
    spent.collect()
}
