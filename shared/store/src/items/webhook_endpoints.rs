//! Webhook endpoints (`whe_… / endpoint`), and for each tenant one item that says what its endpoints are
//! told of (`usr_… / endpoints`): an attribute for each endpoint, named by its id, and the number of living
//! endpoints. When something happens, only that item must be read.
//!
//! The sparse index `due` (due_shard, due_at_ms) has what a worker must look at: deliveries whose next
//! attempt is due, and deleted endpoints that still have deliveries.

use std::collections::BTreeSet;

use aws::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::events::EventKind;
use domain::ids::{Tenant, UserId, WebhookEndpointId};
use domain::labels::Description;
use domain::webhook_endpoints::{
    DisabledBecause, EndpointDetails, EndpointStatus, SecretSeeds, WebhookEndpoint,
};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{Item, broken, text};

/// The sort key of the item that says what a tenant's endpoints are told of.
pub(crate) const ENDPOINTS: &str = "endpoints";
/// The number of shards of the `due` index. Writes to it spread over this many partitions.
const DUE_SHARDS: u8 = 4;

/// Returns the hash keys of the `due` index.
pub(crate) fn webhook_due_shards() -> impl Iterator<Item = String> {
    (0..DUE_SHARDS).map(|n| format!("due#{n}"))
}

/// Returns the hash key of an item with this id.
pub(super) fn due_shard(id: &str) -> String {
    let last = id.bytes().last().unwrap_or(0);
    format!("due#{}", last % DUE_SHARDS)
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct WebhookEndpointItem {
    owner: String,
    item: String,
    tenant: String,
    made_by: String,
    url: String,
    events: Vec<String>,
    description: Option<String>,
    status: String,
    disabled_because: Option<String>,
    seed: String,
    older_seed: Option<String>,
    older_seed_until_ms: Option<i64>,
    failing_since_ms: Option<i64>,
    created_at_ms: i64,
    updated_at_ms: i64,
    due_shard: Option<String>,
    due_at_ms: Option<i64>,
    version: u64,
}

impl WebhookEndpointItem {
    /// The sort key of every endpoint.
    pub(crate) const SORT: &str = "endpoint";
    /// The status of an endpoint that gets events.
    pub(crate) const ENABLED: &str = "enabled";
    const DISABLED: &str = "disabled";
    const DELETED: &str = "deleted";
}

impl From<&WebhookEndpoint> for WebhookEndpointItem {
    fn from(endpoint: &WebhookEndpoint) -> Self {
        let details = &endpoint.details;
        let (status, because, due_at) = match endpoint.status {
            EndpointStatus::Enabled => (Self::ENABLED, None, None),
            EndpointStatus::Disabled(why) => (Self::DISABLED, Some(why), None),
            EndpointStatus::Deleted => (Self::DELETED, None, Some(endpoint.updated_at)),
        };
        let description = details.description.as_ref();
        let older = endpoint.secrets.older.as_ref();
        Self {
            owner: endpoint.id.to_string(),
            item: Self::SORT.to_owned(),
            tenant: endpoint.tenant.to_string(),
            made_by: endpoint.made_by.to_string(),
            url: details.url.clone(),
            events: names(&details.events),
            description: description.map(|text| text.as_str().to_owned()),
            status: status.to_owned(),
            disabled_because: because.map(|why| why.as_str().to_owned()),
            seed: endpoint.secrets.newest.clone(),
            older_seed: older.map(|(seed, _)| seed.clone()),
            older_seed_until_ms: older.map(|(_, until)| until.ms()),
            failing_since_ms: endpoint.failing_since.map(Timestamp::ms),
            created_at_ms: endpoint.created_at.ms(),
            updated_at_ms: endpoint.updated_at.ms(),
            due_shard: due_at.map(|_| due_shard(endpoint.id.as_str())),
            due_at_ms: due_at.map(Timestamp::ms),
            version: endpoint.version,
        }
    }
}

impl TryFrom<WebhookEndpointItem> for WebhookEndpoint {
    type Error = Fault;

    fn try_from(item: WebhookEndpointItem) -> Result<Self, Fault> {
        let because = item.disabled_because.as_deref();
        let because = because.and_then(DisabledBecause::parse);
        let status = match (item.status.as_str(), because) {
            (WebhookEndpointItem::ENABLED, _) => EndpointStatus::Enabled,
            (WebhookEndpointItem::DISABLED, Some(why)) => EndpointStatus::Disabled(why),
            (WebhookEndpointItem::DELETED, _) => EndpointStatus::Deleted,
            _ => return Err(broken("status")),
        };
        let description = item.description.as_deref().map(Description::parse);
        let events = item.events.iter().map(|name| EventKind::parse(name));
        Ok(Self {
            id: WebhookEndpointId::parse(&item.owner).ok_or_else(|| broken("owner"))?,
            tenant: Tenant::parse(&item.tenant).ok_or_else(|| broken("tenant"))?,
            made_by: UserId::parse(&item.made_by).ok_or_else(|| broken("made_by"))?,
            details: EndpointDetails {
                url: item.url,
                events: events
                    .collect::<Option<_>>()
                    .ok_or_else(|| broken("events"))?,
                description: description.transpose().map_err(|_| broken("description"))?,
            },
            status,
            secrets: SecretSeeds {
                newest: item.seed,
                older: item
                    .older_seed
                    .zip(item.older_seed_until_ms.map(Timestamp::from_ms)),
            },
            failing_since: item.failing_since_ms.map(Timestamp::from_ms),
            created_at: Timestamp::from_ms(item.created_at_ms),
            updated_at: Timestamp::from_ms(item.updated_at_ms),
            version: item.version,
        })
    }
}

fn names(events: &BTreeSet<EventKind>) -> Vec<String> {
    events.iter().map(|kind| kind.as_str().to_owned()).collect()
}

/// Returns the events that an endpoint is told of, as an attribute of its tenant's item.
pub(crate) fn hears(endpoint: &WebhookEndpoint) -> AttributeValue {
    let names = names(&endpoint.hears()).into_iter().map(text);
    AttributeValue::L(names.collect())
}

/// Returns the endpoints that a tenant's item names, each with the names of the events that it is told of.
/// Deleted endpoints have none.
pub(crate) fn named_in(item: &Item) -> Vec<(WebhookEndpointId, Vec<&str>)> {
    let named = item.iter().filter_map(|(name, value)| {
        let id = WebhookEndpointId::parse(name)?;
        let heard = value.as_l().ok()?.iter();
        let heard = heard.filter_map(|kind| kind.as_s().ok().map(String::as_str));
        Some((id, heard.collect()))
    });
    named.collect()
}
