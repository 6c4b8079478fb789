//! Events on their way to webhook endpoints. A delivery is written in the transaction of the event itself,
//! so no event is lost and none is made up.

use aws::Fault;
use aws_sdk_dynamodb::types::{ConditionCheck, Put};
use domain::Timestamp;
use domain::ids::{EventId, WebhookEndpointId};
use domain::webhook_deliveries::WebhookDelivery;

use crate::accounts::is_condition;
use crate::cursor::{Cursor, cut};
use crate::generations::WriteOutcome;
use crate::items::{
    self, DueWebhook, DueWebhookItem, WebhookDeliveryItem, WebhookEndpointItem, number, text, told,
    webhook_due_shards,
};
use crate::overwrite::Overwrite;
use crate::pages::Page;
use crate::reads::keys;
use crate::transact::{Commit, Part, WriteTransaction};
use crate::webhook_endpoints::webhook_key;
use crate::{Store, System};

/// The most deliveries of one event: to a user's endpoints and those of a team.
const OF_EVENT_MAX: i32 = 100;

impl Store {
    /// Adds deliveries to the transaction of the event.
    pub(crate) fn tell(
        &self,
        tx: &mut WriteTransaction,
        deliveries: &[WebhookDelivery],
    ) -> Result<(), Fault> {
        for delivery in deliveries {
            let put = Put::builder()
                .table_name(&self.tables.webhooks)
                .set_item(Some(items::write(&WebhookDeliveryItem::from(delivery))?))
                .condition_expression("attribute_not_exists(#owner)")
                .expression_attribute_names("#owner", "owner");
            tx.add(Part::WebhookDelivery, put);
        }
        Ok(())
    }

    /// Writes deliveries of an event that no other write belongs to, on condition that each endpoint exists
    /// and is enabled; `Stale` if one is not. Deliveries that exist already are left unchanged.
    ///
    /// # Errors
    /// A [`Fault`] if they are not known to be written.
    pub async fn put_webhook_deliveries(
        &self,
        deliveries: &[WebhookDelivery],
    ) -> Result<WriteOutcome, Fault> {
        let mut tx = WriteTransaction::new("telling a webhook endpoint");
        for delivery in deliveries {
            let key = webhook_key(delivery.endpoint.as_str(), WebhookEndpointItem::SORT);
            let is_enabled = ConditionCheck::builder()
                .table_name(&self.tables.webhooks)
                .set_key(Some(key))
                .condition_expression("#status = :enabled")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":enabled", text(WebhookEndpointItem::ENABLED));
            tx.add(Part::WebhookEndpoint, is_enabled);
        }
        self.tell(&mut tx, deliveries)?;
        Ok(match self.commit(tx).await? {
            Commit::Done => WriteOutcome::Done,
            Commit::Refused(refused) if !refused.has(Part::WebhookEndpoint) => WriteOutcome::Done,
            Commit::Busy | Commit::Refused(_) => WriteOutcome::Stale,
        })
    }

    /// Writes a delivery's next record, if the delivery has not changed since it was read.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn replace_webhook_delivery(
        &self,
        next: &WebhookDelivery,
    ) -> Result<WriteOutcome, Fault> {
        let written = Overwrite::by(["owner", "item"], &WebhookDeliveryItem::from(next))?
            .alone(self, &self.tables.webhooks)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(next.version - 1))
            .send()
            .await;
        match written {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(error) if is_condition(&error) => Ok(WriteOutcome::Stale),
            Err(error) => Err(Fault::new("moving a webhook delivery on", error)),
        }
    }

    /// Reads the delivery of an event to an endpoint, if there is one.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn webhook_delivery(
        &self,
        _: System,
        endpoint: &WebhookEndpointId,
        event: &EventId,
    ) -> Result<Option<WebhookDelivery>, Fault> {
        let key = [("owner", endpoint.as_str()), ("item", event.as_str())];
        let table = &self.tables.webhooks;
        let found = self.item("reading a webhook delivery", table, key).await?;
        found
            .map(|item| items::read::<WebhookDeliveryItem>(item)?.try_into())
            .transpose()
    }

    /// Reads a page of an endpoint's deliveries, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn webhook_deliveries(
        &self,
        endpoint: &WebhookEndpointId,
        after: Option<Cursor<EventId>>,
        limit: u32,
    ) -> Result<Page<WebhookDelivery, EventId>, Fault> {
        // `~` sorts after every id.
        let before = after.as_ref().map_or("evt_~", |last| last.place().as_str());
        let found = self
            .client
            .query()
            .table_name(&self.tables.webhooks)
            .key_condition_expression("#owner = :owner AND #item BETWEEN :first AND :before")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":owner", text(endpoint.as_str()))
            .expression_attribute_values(":first", text(EventId::PREFIX))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            // One row more than asked for shows whether there are more; another is the last row of the page
            // before.
            .limit(i32::try_from(limit.saturating_add(2)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing("listing webhook deliveries"))?;
        let stopped_at = found.last_evaluated_key.clone();
        let mut found = found.items.unwrap_or_default();
        found.retain(|item| {
            item.get("item").and_then(|it| it.as_s().ok()) != Some(&before.to_owned())
        });
        let (found, more) = cut(found, stopped_at.as_ref(), limit);
        let deliveries = found
            .into_iter()
            .map(|item| items::read::<WebhookDeliveryItem>(item)?.try_into())
            .collect::<Result<Vec<WebhookDelivery>, Fault>>()?;
        Ok(Page::new(deliveries, more, |last| last.event.id.clone()))
    }

    /// Reads all deliveries of an event.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn webhook_deliveries_of(
        &self,
        _: System,
        event: &EventId,
    ) -> Result<Vec<WebhookDelivery>, Fault> {
        let doing = "looking for an event";
        let found = self
            .client
            .query()
            .table_name(&self.tables.webhooks)
            .index_name("by_event")
            .key_condition_expression("event = :event")
            .expression_attribute_values(":event", text(event.as_str()))
            .limit(OF_EVENT_MAX)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let found = found.items.unwrap_or_default();
        let told = found.iter().map(told).collect::<Result<Vec<_>, _>>()?;
        if told.is_empty() {
            return Ok(Vec::new());
        }
        let record = |id: &WebhookEndpointId| webhook_key(id.as_str(), event.as_str());
        let wanted = keys(told.iter().map(record));
        let wanted = [(self.tables.webhooks.as_str(), wanted)];
        let found = self.batch(doing, wanted).await?;
        let found = found.into_values().flatten();
        found
            .map(|item| items::read::<WebhookDeliveryItem>(item)?.try_into())
            .collect()
    }

    /// Lists webhook items that a worker must look at by `now`: at most `limit` for each shard of the
    /// index, longest due first.
    ///
    /// # Errors
    /// A [`Fault`] if the index cannot be read.
    pub async fn due_webhooks(
        &self,
        _: System,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<DueWebhook>, Fault> {
        let queries = webhook_due_shards().map(|shard| {
            self.client
                .query()
                .table_name(&self.tables.webhooks)
                .index_name("due")
                .key_condition_expression("due_shard = :shard AND due_at_ms <= :now")
                .expression_attribute_values(":shard", text(shard))
                .expression_attribute_values(":now", number(now.ms()))
                .limit(limit)
                .send()
        });
        let mut due = Vec::new();
        for found in futures::future::join_all(queries).await {
            let found = found.map_err(Fault::doing("finding due webhooks"))?;
            for item in found.items.unwrap_or_default() {
                due.push(items::read::<DueWebhookItem>(item)?.try_into()?);
            }
        }
        Ok(due)
    }

    /// Moves a due item to `until`, because a worker is sent to look at it now; returns `false` if it is no
    /// longer due at that time.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn lease_webhook(
        &self,
        _: System,
        due: &DueWebhook,
        until: Timestamp,
    ) -> Result<bool, Fault> {
        let item = due.event.as_ref();
        let item = item.map_or(WebhookEndpointItem::SORT, |event| event.as_str());
        let written = self
            .client
            .update_item()
            .table_name(&self.tables.webhooks)
            .set_key(Some(webhook_key(due.endpoint.as_str(), item)))
            .update_expression("SET due_at_ms = :until")
            .condition_expression("due_at_ms = :due")
            .expression_attribute_values(":due", number(due.due_at.ms()))
            .expression_attribute_values(":until", number(until.ms()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("leasing a due webhook", error)),
        }
    }
}
