//! Webhook endpoints, and the events that each tenant's endpoints are told of.
//!
//! The events that an endpoint is told of are stored twice: in its record, and in one item of its tenant.
//! When something happens, only that item is read. Both are written in one transaction. The item also
//! counts the endpoints.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{Delete, Put, Update};
use domain::audit::AuditRecord;
use domain::events::EventKind;
use domain::ids::{KeyId, Tenant, WebhookEndpointId};
use domain::teams::Membership;
use domain::webhook_endpoints::{ENDPOINTS_MAX, EndpointStatus, WebhookEndpoint};

use crate::accounts::is_condition;
use crate::generations::WriteOutcome;
use crate::items::{self, ENDPOINTS, Item, WebhookEndpointItem, hears, named_in, number, text};
use crate::overwrite::Overwrite;
use crate::reads::keys;
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Recorded, Store, System};

/// The number of deliveries that are deleted in one step after their endpoint was deleted.
const STEP: i32 = 100;

/// The maker of an endpoint, with the rights that were checked.
#[derive(Clone, Copy, Debug)]
pub struct MadeBy<'a> {
    /// The API key that the maker used, if any. It must still live.
    pub key: Option<&'a KeyId>,
    /// The maker's membership, if the endpoint is a team's.
    pub member: Option<&'a Membership>,
}

/// The outcome of making an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointPut {
    /// The endpoint exists.
    Done,
    /// The tenant has as many endpoints as it may have.
    TooMany,
    /// The maker's account is gone or suspended, or their API key is dead.
    CallerGone,
    /// The maker's role in the team has changed since it was read. Try again.
    Stale,
}

impl Store {
    /// Makes an endpoint and records it. Safe to repeat with the same endpoint.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn put_webhook_endpoint(
        &self,
        endpoint: &WebhookEndpoint,
        by: MadeBy<'_>,
        record: AuditRecord,
    ) -> Result<Recorded<EndpointPut>, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.webhooks)
            .set_item(Some(items::write(&WebhookEndpointItem::from(endpoint))?))
            .condition_expression("attribute_not_exists(#owner)")
            .expression_attribute_names("#owner", "owner");
        let named = self
            .name_endpoint(endpoint)
            .update_expression("SET #id = :heard ADD living :one")
            .condition_expression("attribute_not_exists(living) OR living < :most")
            .expression_attribute_values(":heard", hears(endpoint))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(ENDPOINTS_MAX));
        let mut tx = WriteTransaction::new("making a webhook endpoint");
        tx.add(Part::WebhookEndpoint, put);
        tx.add(Part::WebhookEndpoints, named);
        let account = self.check_good_standing(&endpoint.made_by, by.key);
        tx.add(Part::Account, account);
        if let Some(member) = by.member {
            tx.add(Part::Member, self.check_member(member));
            tx.add(Part::Team, self.check_team(&member.team));
        }
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => EndpointPut::Done,
            // An earlier attempt was committed, but its answer was lost.
            Err(refused) if refused.has(Part::WebhookEndpoint) => EndpointPut::Done,
            Err(refused) if refused.has(Part::WebhookEndpoints) => EndpointPut::TooMany,
            Err(refused) if refused.has(Part::Account) => EndpointPut::CallerGone,
            Err(_) => EndpointPut::Stale,
        }))
    }

    /// Writes an owner's change to an endpoint and records it, if the endpoint still is as in `before`.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn change_webhook_endpoint(
        &self,
        before: &WebhookEndpoint,
        next: &WebhookEndpoint,
        record: AuditRecord,
    ) -> Result<Recorded<WriteOutcome>, Fault> {
        let tx = self.endpoint_change(before, next)?;
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| match written {
            Ok(()) => WriteOutcome::Done,
            Err(_) => WriteOutcome::Stale,
        }))
    }

    /// Writes a change that deliveries make to an endpoint, if the endpoint still is as in `before`.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn replace_webhook_endpoint(
        &self,
        _: System,
        before: &WebhookEndpoint,
        next: &WebhookEndpoint,
    ) -> Result<WriteOutcome, Fault> {
        if before.hears() == next.hears() {
            let written = Overwrite::by(["owner", "item"], &WebhookEndpointItem::from(next))?
                .alone(self, &self.tables.webhooks)
                .condition_expression("version = :before")
                .expression_attribute_values(":before", number(before.version))
                .send()
                .await;
            return match written {
                Ok(_) => Ok(WriteOutcome::Done),
                Err(error) if is_condition(&error) => Ok(WriteOutcome::Stale),
                Err(error) => Err(Fault::new("learning of a webhook endpoint", error)),
            };
        }
        let tx = self.endpoint_change(before, next)?;
        Ok(match self.commit(tx).await? {
            Commit::Done => WriteOutcome::Done,
            Commit::Busy | Commit::Refused(_) => WriteOutcome::Stale,
        })
    }

    fn endpoint_change(
        &self,
        before: &WebhookEndpoint,
        next: &WebhookEndpoint,
    ) -> Result<WriteTransaction, Fault> {
        let is_gone = next.status == EndpointStatus::Deleted;
        let record = Overwrite::by(["owner", "item"], &WebhookEndpointItem::from(next))?
            .in_transaction(&self.tables.webhooks)
            .condition_expression("version = :before")
            .expression_attribute_values(":before", number(before.version));
        let named = self
            .name_endpoint(next)
            .update_expression("SET #id = :heard ADD living :more")
            .condition_expression("attribute_exists(#id)")
            .expression_attribute_values(":heard", hears(next))
            .expression_attribute_values(":more", number(if is_gone { -1 } else { 0 }));
        let mut tx = WriteTransaction::new("changing a webhook endpoint");
        tx.add(Part::WebhookEndpoint, record);
        tx.add(Part::WebhookEndpoints, named);
        Ok(tx)
    }

    /// Reads the endpoint of any tenant. A deleted endpoint is found until its deliveries are deleted.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn webhook_endpoint(
        &self,
        _: System,
        id: &WebhookEndpointId,
    ) -> Result<Option<WebhookEndpoint>, Fault> {
        let key = [("owner", id.as_str()), ("item", WebhookEndpointItem::SORT)];
        let table = &self.tables.webhooks;
        let found = self.item("reading a webhook endpoint", table, key).await?;
        found
            .map(|item| items::read::<WebhookEndpointItem>(item)?.try_into())
            .transpose()
    }

    /// Lists a tenant's endpoints, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn webhook_endpoints(&self, tenant: &Tenant) -> Result<Vec<WebhookEndpoint>, Fault> {
        let ids = self.webhook_endpoint_ids(tenant).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let record = |id: &WebhookEndpointId| webhook_key(id.as_str(), WebhookEndpointItem::SORT);
        let mut endpoints: Vec<WebhookEndpoint> = Vec::new();
        for ids in ids.chunks(100) {
            let wanted = [(self.tables.webhooks.as_str(), keys(ids.iter().map(record)))];
            let found = self.batch("reading webhook endpoints", wanted).await?;
            for item in found.into_values().flatten() {
                endpoints.push(items::read::<WebhookEndpointItem>(item)?.try_into()?);
            }
        }
        endpoints.retain(|endpoint| endpoint.status != EndpointStatus::Deleted);
        endpoints.sort_by(|one, other| other.id.cmp(&one.id));
        Ok(endpoints)
    }

    /// Lists the endpoints of these tenants that are told of such an event, each with its tenant.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn listeners(
        &self,
        tenants: &[Tenant],
        kind: EventKind,
    ) -> Result<Vec<(WebhookEndpointId, Tenant)>, Fault> {
        let of_tenant = |tenant: &Tenant| webhook_key(tenant.as_str(), ENDPOINTS);
        let wanted = keys(tenants.iter().map(of_tenant));
        let wanted = [(self.tables.webhooks.as_str(), wanted)];
        let found = self.batch("looking for listeners", wanted).await?;
        let mut listeners = Vec::new();
        for item in found.into_values().flatten() {
            let owner = item.get("owner").and_then(|owner| owner.as_s().ok());
            let tenant = owner.and_then(|owner| Tenant::parse(owner));
            let tenant = tenant.ok_or_else(|| items::broken("owner"))?;
            let named = named_in(&item).into_iter();
            let hearing = named.filter(|(_, heard)| heard.contains(&kind.as_str()));
            listeners.extend(hearing.map(|(id, _)| (id, tenant.clone())));
        }
        Ok(listeners)
    }

    /// Deletes some of a deleted endpoint's deliveries, and finally the endpoint; returns whether nothing
    /// is left.
    ///
    /// # Errors
    /// A [`Fault`] if something could not be deleted; the rest may have been.
    pub async fn end_webhook_endpoint(
        &self,
        _: System,
        endpoint: &WebhookEndpoint,
    ) -> Result<bool, Fault> {
        let doing = "ending a webhook endpoint";
        let found = self
            .client
            .query()
            .table_name(&self.tables.webhooks)
            .key_condition_expression("#owner = :owner AND begins_with(#item, :event)")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#item", "item")
            .expression_attribute_values(":owner", text(endpoint.id.as_str()))
            .expression_attribute_values(":event", text(domain::ids::EventId::PREFIX))
            .projection_expression("#owner, #item")
            .consistent_read(true)
            .limit(STEP)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let found = found.items.unwrap_or_default();
        if !found.is_empty() {
            let table = &self.tables.webhooks;
            let deletions = found.into_iter().map(|key| {
                let delete = self.client.delete_item().table_name(table);
                delete.set_key(Some(key)).send()
            });
            let deleted = futures::future::try_join_all(deletions).await;
            deleted.map_err(Fault::doing(doing))?;
            return Ok(false);
        }
        let record = Delete::builder()
            .table_name(&self.tables.webhooks)
            .set_key(Some(webhook_key(
                endpoint.id.as_str(),
                WebhookEndpointItem::SORT,
            )));
        let named = self.name_endpoint(endpoint).update_expression("REMOVE #id");
        let mut tx = WriteTransaction::new(doing);
        tx.add(Part::WebhookEndpoint, record);
        tx.add(Part::WebhookEndpoints, named);
        Ok(matches!(self.commit(tx).await?, Commit::Done))
    }

    /// Lists the ids of a tenant's endpoints, including deleted ones that still have deliveries.
    pub(crate) async fn webhook_endpoint_ids(
        &self,
        tenant: &Tenant,
    ) -> Result<Vec<WebhookEndpointId>, Fault> {
        let key = [("owner", tenant.as_str()), ("item", ENDPOINTS)];
        let table = &self.tables.webhooks;
        let found = self
            .item("looking for webhook endpoints", table, key)
            .await?;
        let named = found.as_ref().map(named_in).unwrap_or_default();
        Ok(named.into_iter().map(|(id, _)| id).collect())
    }

    /// Builds the update of a tenant's item for one endpoint, without its expression.
    fn name_endpoint(&self, endpoint: &WebhookEndpoint) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.webhooks)
            .set_key(Some(webhook_key(endpoint.tenant.as_str(), ENDPOINTS)))
            .expression_attribute_names("#id", endpoint.id.as_str())
    }
}

/// Returns the key of an item.
pub(crate) fn webhook_key(owner: &str, item: &str) -> Item {
    Item::from([
        ("owner".to_owned(), text(owner)),
        ("item".to_owned(), text(item)),
    ])
}
