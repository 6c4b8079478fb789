//! The upgrade of records that earlier code has written to the form that this code writes.
//!
//! Owns: reading whole tables, page by page, which nothing else may; writing each old record over in its
//! present form, unless it changes meanwhile; the place that a migration has come to. Refuses to know what
//! a record says: its form is converted by `items`.

use std::collections::BTreeMap;

use aws::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::accounts::Session;
use domain::catalogue::Offers;
use domain::generations::Generation;
use domain::ledger::Wallet;
use domain::migrations::MigratedTable;
use domain::projects::Project;
use domain::purchases::Payment;
use domain::styles::Style;
use domain::teams::{Invitation, Team};
use domain::webhook_deliveries::WebhookDelivery;
use domain::webhook_endpoints::WebhookEndpoint;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::accounts::is_condition;
use crate::items::{
    self, GenerationItem, INVITATION_PREFIX, InvitationItem, Item, OFFERS, OffersItem, PaymentItem,
    ProjectItem, SCHEMA, SCHEMA_NAME, SESSION_SORT_PREFIX, SessionItem, StyleItem, TeamItem,
    WALLET, WalletItem, WebhookDeliveryItem, WebhookEndpointItem, number, text,
};
use crate::overwrite::Overwrite;
use crate::{Store, System, Tables};

/// The most items that a page looks at.
const PAGE_ITEMS_MAX: i32 = 200;
/// The records that are written at once.
const WRITES_MAX: usize = 8;
/// The most times that a record is tried again because somebody has changed it meanwhile.
const TRIES_MAX: u32 = 8;
/// The partition of the tables' migrations, in the table of reconciliation.
const SHARD: &str = "migration";

/// A table with records that are written over as a whole. Notes, counters and ledger entries are not: they
/// keep the form that they were written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordTable {
    /// Sessions.
    Accounts,
    /// Wallets and payments.
    Credits,
    /// Generations.
    Generations,
    /// The terms on which models are offered.
    Models,
    /// Projects.
    Projects,
    /// Styles.
    Styles,
    /// Teams and invitations.
    Teams,
    /// Webhook endpoints and deliveries.
    Webhooks,
}

impl RecordTable {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Accounts,
        Self::Credits,
        Self::Generations,
        Self::Models,
        Self::Projects,
        Self::Styles,
        Self::Teams,
        Self::Webhooks,
    ];

    /// The name of the table in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Credits => "credits",
            Self::Generations => "generations",
            Self::Models => "models",
            Self::Projects => "projects",
            Self::Styles => "styles",
            Self::Teams => "teams",
            Self::Webhooks => "webhooks",
        }
    }

    fn name(self, tables: &Tables) -> &str {
        match self {
            Self::Accounts => &tables.accounts,
            Self::Credits => &tables.credits,
            Self::Generations => &tables.generations,
            Self::Models => &tables.models,
            Self::Projects => &tables.projects,
            Self::Styles => &tables.styles,
            Self::Teams => &tables.teams,
            Self::Webhooks => &tables.webhooks,
        }
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Accounts => &["pk", "sk"],
            Self::Credits => &["tenant", "entry"],
            Self::Teams => &["team", "item"],
            Self::Webhooks => &["owner", "item"],
            Self::Generations | Self::Models | Self::Projects | Self::Styles => &["id"],
        }
    }

    /// Builds the write of a record in its present form; `None` if the item is no record.
    fn present(self, item: &Item) -> Result<Option<Overwrite>, Fault> {
        let value = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let is = |name: &str, text: &str| value(name).is_some_and(|value| value == text);
        let begins =
            |name: &str, text: &str| value(name).is_some_and(|value| value.starts_with(text));
        let write = match self {
            Self::Accounts if begins("sk", SESSION_SORT_PREFIX) => {
                form::<SessionItem, Session, _>(["pk", "sk"], item)
            }
            Self::Credits if is("entry", PaymentItem::SORT) => {
                form::<PaymentItem, Payment, _>(["tenant", "entry"], item)
            }
            Self::Credits if is("entry", WALLET) => {
                form::<WalletItem, Wallet, _>(["tenant", "entry"], item)
            }
            Self::Generations if begins("id", "gen_") => {
                form::<GenerationItem, Generation, _>(["id"], item)
            }
            Self::Models if is("id", OFFERS) => form::<OffersItem, Offers, _>(["id"], item),
            Self::Projects if begins("id", "prj_") => form::<ProjectItem, Project, _>(["id"], item),
            Self::Styles if begins("id", "sty_") => form::<StyleItem, Style, _>(["id"], item),
            Self::Teams if is("item", TeamItem::SORT) => {
                form::<TeamItem, Team, _>(["team", "item"], item)
            }
            Self::Teams if begins("item", INVITATION_PREFIX) => {
                form::<InvitationItem, Invitation, _>(["team", "item"], item)
            }
            Self::Webhooks if is("item", WebhookEndpointItem::SORT) => {
                form::<WebhookEndpointItem, WebhookEndpoint, _>(["owner", "item"], item)
            }
            Self::Webhooks if begins("item", "evt_") => {
                form::<WebhookDeliveryItem, WebhookDelivery, _>(["owner", "item"], item)
            }
            Self::Accounts
            | Self::Credits
            | Self::Generations
            | Self::Models
            | Self::Projects
            | Self::Styles
            | Self::Teams
            | Self::Webhooks => return Ok(None),
        };
        write.map(Some)
    }
}

/// Builds the write of a record that was read in the form `F`.
fn form<F, R, const KEYS: usize>(keys: [&str; KEYS], item: &Item) -> Result<Overwrite, Fault>
where
    F: Serialize + DeserializeOwned + for<'record> From<&'record R>,
    R: TryFrom<F, Error = Fault>,
{
    let record: R = items::read::<F>(item.clone())?.try_into()?;
    Overwrite::by(keys, &F::from(&record))
}

/// The migration of one table to the present forms, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// The progress.
    pub progress: MigratedTable,
    table: RecordTable,
    /// The key of the last item that it has looked at.
    after: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct MigrationItem {
    shard: String,
    tenant: String,
    schema: u32,
    looked_at: u64,
    upgraded: u64,
    is_done: bool,
    after: BTreeMap<String, String>,
}

impl Store {
    /// Begins the migration of a table.
    ///
    /// # Errors
    /// A [`Fault`] if that is not known to be noted.
    pub async fn begin_migration(&self, _: System, table: RecordTable) -> Result<Migration, Fault> {
        let migration = Migration {
            progress: MigratedTable {
                name: table.as_str(),
                looked_at: 0,
                upgraded: 0,
                is_done: false,
            },
            table,
            after: BTreeMap::new(),
        };
        self.put_migration(&migration).await?;
        Ok(migration)
    }

    /// Reads how far the migration of a table to the present forms has come; `None` if none has begun.
    ///
    /// # Errors
    /// A [`Fault`] if that cannot be read.
    pub async fn migration(
        &self,
        _: System,
        table: RecordTable,
    ) -> Result<Option<Migration>, Fault> {
        let doing = "reading how far a migration has come";
        let key = [("shard", SHARD), ("tenant", table.as_str())];
        let found = self.item(doing, &self.tables.reconciliation, key).await?;
        let found: Option<MigrationItem> = found.map(items::read).transpose()?;
        let current = found.filter(|item| item.schema == SCHEMA);
        Ok(current.map(|item| Migration {
            progress: MigratedTable {
                name: table.as_str(),
                looked_at: item.looked_at,
                upgraded: item.upgraded,
                is_done: item.is_done,
            },
            table,
            after: item.after,
        }))
    }

    /// Upgrades the old records of the next page, and notes the place. Two migrations at once do no harm to
    /// records, which are written only as they were read. The place that is noted last counts, so a migration
    /// is begun again only when none runs.
    ///
    /// # Errors
    /// A [`Fault`] if a record was not upgraded. The place is kept: the next attempt begins there.
    pub async fn migrate_page(&self, _: System, at: &Migration) -> Result<Migration, Fault> {
        let (table, name) = (at.table, at.table.name(&self.tables));
        let after: Item = at
            .after
            .iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect();
        let page = self
            .client
            .scan()
            .table_name(name)
            .limit(PAGE_ITEMS_MAX)
            .consistent_read(true)
            .set_exclusive_start_key((!after.is_empty()).then_some(after))
            .filter_expression("attribute_not_exists(#schema) OR #schema < :schema")
            .expression_attribute_names("#schema", SCHEMA_NAME)
            .expression_attribute_values(":schema", number(SCHEMA))
            .send()
            .await
            .map_err(Fault::doing("reading the records to upgrade"))?;
        let old = page.items.unwrap_or_default();
        let upgrades = stream::iter(old.into_iter().map(|item| self.upgrade(table, item)));
        let upgraded = upgrades.buffer_unordered(WRITES_MAX);
        let upgraded =
            upgraded.try_fold(0, async |sum, is_upgraded| Ok(sum + u64::from(is_upgraded)));
        let next = Migration {
            progress: MigratedTable {
                name: table.as_str(),
                looked_at: at.progress.looked_at
                    + u64::try_from(page.scanned_count).unwrap_or_default(),
                upgraded: at.progress.upgraded + upgraded.await?,
                is_done: page.last_evaluated_key.is_none(),
            },
            table,
            after: page.last_evaluated_key.map(place).unwrap_or_default(),
        };
        self.put_migration(&next).await?;
        Ok(next)
    }

    /// Upgrades a record. A fault names it, for the operator who must look at it.
    async fn upgrade(&self, table: RecordTable, item: Item) -> Result<bool, Fault> {
        let key = table
            .keys()
            .iter()
            .filter_map(|key| item.get(*key)?.as_s().ok());
        let key = key.map(String::as_str).collect::<Vec<_>>().join(" / ");
        let upgraded = self.write_over(table, item).await;
        upgraded
            .map_err(|fault| Fault::new("upgrading a record", format!("{key}: {}", fault.chain())))
    }

    /// Writes a record over in its present form. Tells whether it did: an item that is no record is left
    /// alone, and so is one that is gone, or that somebody else has written in this form or a later one.
    async fn write_over(&self, table: RecordTable, mut item: Item) -> Result<bool, Fault> {
        let doing = "writing a record over";
        let name = table.name(&self.tables);
        for _ in 0..TRIES_MAX {
            let Some(write) = table.present(&item)? else {
                return Ok(false);
            };
            match write.unless_changed(&item, self, name).send().await {
                Ok(_) => return Ok(true),
                Err(error) if is_condition(&error) => {}
                Err(error) => return Err(Fault::new(doing, error)),
            }
            let key = table.keys().iter();
            let key: Item = key
                .filter_map(|key| Some(((*key).to_owned(), item.get(*key)?.clone())))
                .collect();
            let read = self.client.get_item().table_name(name).set_key(Some(key));
            let read = read.consistent_read(true).send().await;
            match read.map_err(Fault::doing(doing))?.item {
                Some(now) if is_old(&now) => item = now,
                Some(_) | None => return Ok(false),
            }
        }
        Err(Fault::new(doing, "it changes all the time"))
    }

    async fn put_migration(&self, migration: &Migration) -> Result<(), Fault> {
        let item = MigrationItem {
            shard: SHARD.to_owned(),
            tenant: migration.table.as_str().to_owned(),
            schema: SCHEMA,
            looked_at: migration.progress.looked_at,
            upgraded: migration.progress.upgraded,
            is_done: migration.progress.is_done,
            after: migration.after.clone(),
        };
        self.client
            .put_item()
            .table_name(&self.tables.reconciliation)
            .set_item(Some(items::write(&item)?))
            .send()
            .await
            .map_err(Fault::doing("noting how far a migration has come"))?;
        Ok(())
    }
}

/// Whether earlier code wrote an item.
fn is_old(item: &Item) -> bool {
    let schema = item.get(SCHEMA_NAME).and_then(|schema| schema.as_n().ok());
    let schema = schema.and_then(|schema| schema.parse::<u32>().ok());
    schema.is_none_or(|schema| schema < SCHEMA)
}

/// The key of the last item of a page. All keys of these tables are text.
fn place(key: Item) -> BTreeMap<String, String> {
    let text = |value: AttributeValue| value.as_s().ok().cloned();
    key.into_iter()
        .filter_map(|(name, value)| Some((name, text(value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_item_of_earlier_code_is_old() {
        let of = |schema: u32| Item::from([(SCHEMA_NAME.to_owned(), number(schema))]);
        assert!(is_old(&Item::new()));
        assert!(is_old(&of(SCHEMA - 1)));
        assert!(!is_old(&of(SCHEMA)));
        assert!(!is_old(&of(SCHEMA + 1)));
    }
}
