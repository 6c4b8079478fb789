//! The reads of reconciliation, and its records. It goes through an index that has nothing but the keys of
//! wallets, shard by shard, together with its checkpoints of the same shard, so it also notices a wallet
//! that is gone. It reads data that may have been tampered with, so an item that cannot be read is an
//! answer here, not a fault. It writes only to its own table.

use std::collections::BTreeMap;
use std::collections::HashMap;

use aws::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::audit::{AuditRecord, Chain};
use domain::ids::Tenant;
use domain::ledger::{Entry, Wallet};
use domain::reconciliation::{AuditLog, Checkpoint, Run};
use serde::de::DeserializeOwned;

use crate::accounts::is_condition;
use crate::generations::WriteOutcome;
use crate::items::{
    self, CheckpointItem, EntryItem, HEAD, HeadItem, Item, LAST, ROLLUP, RUN, RecordItem, RunItem,
    WALLET, WalletItem, checkpoint_shard, number, place, text, wallet_shards,
};
use crate::overwrite::Overwrite;
use crate::{Store, System};

/// The number of links that one query reads.
const LINKS_PER_PAGE: i32 = 500;

/// The item under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadOutcome<T> {
    /// There is no item.
    Nothing,
    /// There is an item that cannot be read.
    Unreadable,
    /// There is this item.
    Is(T),
}

/// Some tenants of a shard, sorted, each with its last checkpoint.
#[derive(Debug)]
pub struct Tenants {
    /// The checkpoints, by the tenants' ids.
    pub page: BTreeMap<String, Option<Checkpoint>>,
    /// The last of the ids, if there are more.
    pub last: Option<String>,
}

/// Some links of a chain, oldest first. A link that cannot be read is `None`.
#[derive(Debug)]
pub struct ChainPage<T> {
    /// The links.
    pub page: Vec<Option<T>>,
    /// The position of the next links, if there are more.
    pub next: Option<Position>,
}

/// A place in a chain, as the database names it.
#[derive(Clone, Debug)]
pub struct Position(HashMap<String, AttributeValue>);

impl Store {
    /// Reads about `limit` tenants of shard number `shard`, after the id `after`. Returns `None` if there
    /// is no such shard.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn tenants(
        &self,
        _: System,
        shard: u32,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Option<Tenants>, Fault> {
        let Some(shard) = wallet_shards().nth(shard as usize) else {
            return Ok(None);
        };
        let found = self
            .client
            .query()
            .table_name(&self.tables.credits)
            .index_name("wallets")
            .key_condition_expression("#shard = :shard AND tenant > :after")
            .expression_attribute_names("#shard", "shard")
            .expression_attribute_values(":shard", text(&shard))
            // No id sorts before a space.
            .expression_attribute_values(":after", text(after.unwrap_or(" ")))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing("finding wallets"))?;
        let more = found.last_evaluated_key.is_some();
        let mut page = BTreeMap::new();
        for item in found.items.unwrap_or_default() {
            page.insert(tenant_of(&item)?, None);
        }
        let last = page.keys().next_back().filter(|_| more).cloned();
        self.add_checkpoints(&shard, after, last.as_deref(), &mut page)
            .await?;
        Ok(Some(Tenants { page, last }))
    }

    /// Adds the checkpoints of a shard from after `after` up to `last`, or to the end.
    async fn add_checkpoints(
        &self,
        shard: &str,
        after: Option<&str>,
        last: Option<&str>,
        page: &mut BTreeMap<String, Option<Checkpoint>>,
    ) -> Result<(), Fault> {
        let mut start = None;
        loop {
            let found = self
                .client
                .query()
                .table_name(&self.tables.reconciliation)
                .key_condition_expression("#shard = :shard AND tenant BETWEEN :after AND :last")
                .expression_attribute_names("#shard", "shard")
                .expression_attribute_values(":shard", text(shard))
                .expression_attribute_values(":after", text(after.unwrap_or(" ")))
                // `~` sorts after every id.
                .expression_attribute_values(":last", text(last.unwrap_or("~")))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(Fault::doing("reading checkpoints"))?;
            for item in found.items.unwrap_or_default() {
                let tenant = tenant_of(&item)?;
                if Some(tenant.as_str()) != after {
                    let checkpoint = items::read::<CheckpointItem>(item)?.try_into()?;
                    page.insert(tenant, Some(checkpoint));
                }
            }
            start = found.last_evaluated_key;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads the checkpoint of a chain: the state in which the chain was last found in order.
    ///
    /// # Errors
    /// A [`Fault`] if that cannot be read.
    pub async fn checkpoint(&self, _: System, chain: &Chain) -> Result<Option<Checkpoint>, Fault> {
        let found = self
            .known(&checkpoint_shard(chain), chain.as_str())
            .await?
            .map(|item| items::read::<CheckpointItem>(item)?.try_into());
        found.transpose()
    }

    /// Moves the checkpoint of a chain on, unless the stored one is further already.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn move_checkpoint(&self, _: System, checkpoint: &Checkpoint) -> Result<(), Fault> {
        let item = CheckpointItem::from(checkpoint);
        let (entries, records) = (item.entries, item.records);
        let moved = Overwrite::by(["shard", "tenant"], &item)?
            .alone(self, &self.tables.reconciliation)
            .condition_expression(
                "attribute_not_exists(tenant) OR (entries <= :entries AND records <= :records)",
            )
            .expression_attribute_values(":entries", number(entries))
            .expression_attribute_values(":records", number(records))
            .send()
            .await;
        match moved {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("moving a checkpoint", error)),
        }
    }

    /// Reads the last run, finished or not.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn last_run(&self) -> Result<Option<Run>, Fault> {
        let found = self.known(RUN, LAST).await?;
        found
            .map(|item| items::read::<RunItem>(item)?.try_into())
            .transpose()
    }

    /// Saves a run as its next version; `Stale` if another run was saved meanwhile.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn save_run(&self, _: System, run: &mut Run) -> Result<WriteOutcome, Fault> {
        let before = run.version;
        run.version += 1;
        let write = Overwrite::by(["shard", "tenant"], &RunItem::from(&*run))?;
        let write = write.alone(self, &self.tables.reconciliation);
        let write = if before == 0 {
            write.condition_expression("attribute_not_exists(tenant)")
        } else {
            write
                .condition_expression("version = :before")
                .expression_attribute_values(":before", number(before))
        };
        match write.send().await {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(error) if is_condition(&error) => Ok(WriteOutcome::Stale),
            Err(error) => Err(Fault::new("saving a run", error)),
        }
    }

    /// Reads the last finished run.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn rollup(&self) -> Result<Option<Run>, Fault> {
        let found = self.known(RUN, ROLLUP).await?;
        found
            .map(|item| items::read::<RunItem>(item)?.try_into())
            .transpose()
    }

    /// Keeps a finished run in place of the one before it. Keeping it twice changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn keep_rollup(&self, _: System, run: &Run) -> Result<(), Fault> {
        Overwrite::by(["shard", "tenant"], &RunItem::rollup(run))?
            .alone(self, &self.tables.reconciliation)
            .send()
            .await
            .map_err(Fault::doing("keeping the sums of a run"))?;
        Ok(())
    }

    async fn known(&self, shard: &str, tenant: &str) -> Result<Option<Item>, Fault> {
        let found = self
            .item(
                "reading what reconciliation knows",
                &self.tables.reconciliation,
                [("shard", shard), ("tenant", tenant)],
            )
            .await?;
        Ok(found)
    }

    /// Reads a tenant's wallet, in whatever state it is.
    ///
    /// # Errors
    /// A [`Fault`] if the database does not answer.
    pub async fn kept_wallet(
        &self,
        _: System,
        tenant: &Tenant,
    ) -> Result<ReadOutcome<Wallet>, Fault> {
        let found = self
            .item(
                "reading a wallet",
                &self.tables.credits,
                [("tenant", tenant.as_str()), ("entry", WALLET)],
            )
            .await?;
        Ok(kept::<WalletItem, _>(found))
    }

    /// Reads the head of a log, in whatever state it is.
    ///
    /// # Errors
    /// A [`Fault`] if the database does not answer.
    pub async fn kept_log(&self, _: System, chain: &Chain) -> Result<ReadOutcome<AuditLog>, Fault> {
        let found = self
            .item(
                "reading the head of an audit log",
                &self.tables.audit,
                [("chain", chain.as_str()), ("place", HEAD)],
            )
            .await?;
        Ok(match kept::<HeadItem, _>(found) {
            ReadOutcome::Nothing => ReadOutcome::Nothing,
            ReadOutcome::Unreadable => ReadOutcome::Unreadable,
            ReadOutcome::Is(head) => ReadOutcome::Is(AuditLog {
                chain: chain.clone(),
                head,
            }),
        })
    }

    /// Reads a tenant's entries after `sequence`, oldest first, continuing at `position`.
    ///
    /// # Errors
    /// A [`Fault`] if the database does not answer.
    pub async fn entries_after(
        &self,
        _: System,
        tenant: &Tenant,
        sequence: u64,
        position: Option<Position>,
    ) -> Result<ChainPage<Entry>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.credits)
            .index_name("by_sequence")
            .key_condition_expression("tenant = :tenant AND #sequence > :after")
            .expression_attribute_names("#sequence", "sequence")
            .expression_attribute_values(":tenant", text(tenant.as_str()))
            .expression_attribute_values(":after", number(sequence))
            .limit(LINKS_PER_PAGE)
            .set_exclusive_start_key(position.map(|position| position.0))
            .send()
            .await
            .map_err(Fault::doing("reading a ledger"))?;
        Ok(links::<EntryItem, _>(found.items, found.last_evaluated_key))
    }

    /// Reads a chain's records after `sequence`, oldest first, continuing at `position`.
    ///
    /// # Errors
    /// A [`Fault`] if the database does not answer.
    pub async fn records_after(
        &self,
        _: System,
        chain: &Chain,
        sequence: u64,
        position: Option<Position>,
    ) -> Result<ChainPage<AuditRecord>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.audit)
            .key_condition_expression("chain = :chain AND place BETWEEN :first AND :last")
            .expression_attribute_values(":chain", text(chain.as_str()))
            .expression_attribute_values(":first", text(place(sequence.saturating_add(1))))
            .expression_attribute_values(":last", text(place(u64::MAX)))
            .consistent_read(true)
            .limit(LINKS_PER_PAGE)
            .set_exclusive_start_key(position.map(|position| position.0))
            .send()
            .await
            .map_err(Fault::doing("reading an audit log"))?;
        Ok(links::<RecordItem, _>(
            found.items,
            found.last_evaluated_key,
        ))
    }
}

fn tenant_of(item: &Item) -> Result<String, Fault> {
    let tenant = item.get("tenant").and_then(|tenant| tenant.as_s().ok());
    tenant.cloned().ok_or_else(|| items::broken("tenant"))
}

fn readable<Form, T>(item: Item) -> Option<T>
where
    Form: DeserializeOwned + TryInto<T, Error = Fault>,
{
    items::read::<Form>(item).ok()?.try_into().ok()
}

fn kept<Form, T>(item: Option<Item>) -> ReadOutcome<T>
where
    Form: DeserializeOwned + TryInto<T, Error = Fault>,
{
    match item {
        None => ReadOutcome::Nothing,
        Some(item) => readable::<Form, T>(item).map_or(ReadOutcome::Unreadable, ReadOutcome::Is),
    }
}

fn links<Form, T>(items: Option<Vec<Item>>, next: Option<Item>) -> ChainPage<T>
where
    Form: DeserializeOwned + TryInto<T, Error = Fault>,
{
    let items = items.unwrap_or_default().into_iter();
    ChainPage {
        page: items.map(readable::<Form, T>).collect(),
        next: next.map(Position),
    }
}
