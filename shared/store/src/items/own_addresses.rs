//! The address that the end of one generation is told to, beside all endpoints (`usr_… / whe_…`). It is filed
//! under its author, whoever pays: it goes when they go.

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
    /// The item for a new job.
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

/// The author of a generation and what stands for the endpoint of its own address, given its item, if it has
/// one.
pub(crate) fn own_endpoint(generation: &Item) -> Option<(Tenant, WebhookEndpointId)> {
    generation.get("has_own_address")?;
    let id = GenerationId::parse(generation.get("id")?.as_s().ok()?)?;
    let author = UserId::parse(generation.get("author")?.as_s().ok()?)?;
    Some((Tenant::from(&author), WebhookEndpointId::of(&id)))
}

/// What stands for the endpoint whose address this item keeps, if it does.
pub(crate) fn addressed_in(item: &Item) -> Option<WebhookEndpointId> {
    WebhookEndpointId::parse(item.get("item")?.as_s().ok()?)
}
