//! The address that is told of one generation's end, in addition to all endpoints (`usr_… / whe_…`). It is
//! filed under the generation's author, whoever pays, and is erased with their account.

use domain::Timestamp;
use domain::generations::Generation;
use domain::ids::{GenerationId, Tenant, UserId, WebhookEndpointId};
use domain::webhook_deliveries::KEPT_FOR;
use serde::{Deserialize, Serialize};

use super::Item;

#[derive(Serialize, Deserialize)]
pub(crate) struct OwnAddressItem {
    owner: String,
    item: String,
    pub(crate) address: String,
    ttl: i64,
}

impl OwnAddressItem {
    /// Builds the item for a new job.
    pub(crate) fn new(job: &Generation, address: String) -> Self {
        // A delivery can be replayed for as long as it is kept, and no job runs longer than that.
        let until: Timestamp = job.created_at.plus(KEPT_FOR).plus(KEPT_FOR);
        Self {
            owner: job.author.to_string(),
            item: WebhookEndpointId::of(&job.id).to_string(),
            address,
            ttl: until.seconds(),
        }
    }
}

/// Returns the author of a generation and the id that stands for the endpoint of its own address, given its
/// item; `None` if it has no such address.
pub(crate) fn own_endpoint(generation: &Item) -> Option<(Tenant, WebhookEndpointId)> {
    generation.get("has_own_address")?;
    let id = GenerationId::parse(generation.get("id")?.as_s().ok()?)?;
    let author = UserId::parse(generation.get("author")?.as_s().ok()?)?;
    Some((Tenant::from(&author), WebhookEndpointId::of(&id)))
}

/// Returns the id that stands for the endpoint of the address in this item, if the item holds one.
pub(crate) fn addressed_in(item: &Item) -> Option<WebhookEndpointId> {
    WebhookEndpointId::parse(item.get("item")?.as_s().ok()?)
}
