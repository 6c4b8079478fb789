//! The thresholds that wallet owners set for alerts, and the notes of alerts that are to be sent.
//!
//! A note is written in the transaction that crosses the threshold, so no alert is lost and none is made
//! up. The note is deleted when the alert has been sent.

use std::time::Duration;

use aws::Fault;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValue};
use domain::Timestamp;
use domain::alerts::{AlertNote, Watch};
use domain::ids::{EventId, Tenant};

use crate::accounts::is_condition;
use crate::items::{self, AlertNoteItem, Item, WALLET, number, text};
use crate::{Store, System};

impl Store {
    /// Sets the thresholds that a wallet is watched for; returns `false` if there is no such wallet.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn watch(&self, tenant: &Tenant, watch: &Watch) -> Result<bool, Fault> {
        let balances = watch.balance_below.iter().map(|it| number(it.get()));
        let percents = watch.cap_percent.iter().map(|it| number(*it));
        let written = self
            .client
            .update_item()
            .table_name(&self.tables.credits)
            .key("tenant", text(tenant.as_str()))
            .key("entry", text(WALLET))
            .update_expression("SET watch_balance_below = :balances, watch_cap_percent = :percents")
            .condition_expression("attribute_exists(tenant)")
            .expression_attribute_values(":balances", AttributeValue::L(balances.collect()))
            .expression_attribute_values(":percents", AttributeValue::L(percents.collect()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("having a wallet watched", error)),
        }
    }

    /// Lists up to `limit` notes, each with the number of times that it was taken up.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn alert_notes(&self, _: System, limit: i32) -> Result<Vec<(AlertNote, u32)>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.alerts)
            .key_condition_expression("#list = :list")
            .expression_attribute_names("#list", "list")
            .expression_attribute_values(":list", text(AlertNoteItem::KEY))
            .consistent_read(true)
            .limit(limit)
            .send()
            .await
            .map_err(Fault::doing("listing notes of alerts"))?;
        let found = found.items.unwrap_or_default().into_iter();
        let note = |item| {
            let item: AlertNoteItem = items::read(item)?;
            let taken = item.taken;
            Ok((item.try_into()?, taken))
        };
        found.map(note).collect()
    }

    /// Reads a note, unless it has ended.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn alert_note(&self, _: System, id: &str) -> Result<Option<AlertNote>, Fault> {
        let found = self
            .item(
                "reading a note of an alert",
                &self.tables.alerts,
                [("list", AlertNoteItem::KEY), ("id", id)],
            )
            .await?;
        found
            .map(|item| items::read::<AlertNoteItem>(item)?.try_into())
            .transpose()
    }

    /// Takes a note up; returns `false` if somebody took it up within `lease`, or if it has ended.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn lease_alert(
        &self,
        _: System,
        id: &str,
        now: Timestamp,
        lease: Duration,
    ) -> Result<bool, Fault> {
        let taken = self
            .client
            .update_item()
            .table_name(&self.tables.alerts)
            .set_key(Some(note_key(id)))
            .update_expression("SET taken_at_ms = :now ADD taken :one")
            .expression_attribute_values(":one", number(1))
            .condition_expression(
                "attribute_exists(id) AND (attribute_not_exists(taken_at_ms) OR taken_at_ms < :cutoff)",
            )
            .expression_attribute_values(":now", number(now.ms()))
            .expression_attribute_values(":cutoff", number(now.minus(lease).ms()))
            .send()
            .await;
        match taken {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("taking up a note of an alert", error)),
        }
    }

    /// Gives a note the id of the event that announces it, and returns that id: the one given before, if
    /// there is one, else `event`. Returns `None` if the note has ended.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn name_alert_event(
        &self,
        _: System,
        id: &str,
        event: &EventId,
    ) -> Result<Option<EventId>, Fault> {
        let named = self
            .client
            .update_item()
            .table_name(&self.tables.alerts)
            .set_key(Some(note_key(id)))
            .update_expression("SET told_as = if_not_exists(told_as, :event)")
            .condition_expression("attribute_exists(id)")
            .expression_attribute_values(":event", text(event.as_str()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let written = match named {
            Ok(written) => written.attributes.unwrap_or_default(),
            Err(error) if is_condition(&error) => return Ok(None),
            Err(error) => return Err(Fault::new("naming an alert's event", error)),
        };
        let id = written.get("told_as").and_then(|id| id.as_s().ok());
        let id = id.and_then(|id| EventId::parse(id));
        id.map(Some).ok_or_else(|| items::broken("told_as"))
    }

    /// Ends a note, because its owner was told or there is nobody to tell. Ending it twice changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn end_alert(&self, _: System, id: &str) -> Result<(), Fault> {
        self.client
            .delete_item()
            .table_name(&self.tables.alerts)
            .set_key(Some(note_key(id)))
            .send()
            .await
            .map_err(Fault::doing("ending a note of an alert"))?;
        Ok(())
    }

    /// Builds the write of a note, for the transaction that crosses the threshold.
    pub(crate) fn note_alert(&self, note: &AlertNote) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.alerts)
            .set_item(Some(items::write(&AlertNoteItem::from(note))?)))
    }
}

fn note_key(id: &str) -> Item {
    Item::from([
        ("list".to_owned(), text(AlertNoteItem::KEY)),
        ("id".to_owned(), text(id)),
    ])
}
