//! Deliveries of events to webhook endpoints, and their outcomes.

use domain::Refusal;
use domain::accounts::Scope;
use domain::callers::Caller;
use domain::ids::WebhookEndpointId;
use domain::webhook_deliveries::{DeliveryAttempt, WebhookDelivery};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codes::Code;
use crate::endpoint::{Accepted, Endpoint, Optional};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::time;

/// The deliveries to a webhook endpoint, newest first.
pub const LIST: Endpoint<Caller, List<DeliveryView>> = Endpoint::user(
    "GET /webhook-endpoints/{webhook_endpoint_id}/deliveries",
    Scope::Read,
);
/// Sends an event again.
pub const REPLAY: Endpoint<Caller, Accepted<List<DeliveryView>>, Optional<ReplayDelivery>> =
    Endpoint::user(
        "POST /webhook-deliveries/{event_id}/replay",
        Scope::Generate,
    );

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let tag = tags::WEBHOOK_ENDPOINTS;
    vec![
        tag.operation(&LIST, "webhooksDeliveriesList", "The deliveries to an endpoint")
            .names::<schema::WebhookEndpointId>("webhook_endpoint_id", "The endpoint.")
            .pages()
            .says("Deliveries are kept for 30 days.")
            .answers("A page, newest first."),
        tag.operation(&REPLAY, "webhooksDeliveriesReplay", "Send an event again")
            .names::<schema::EventId>("event_id", "The event. Its deliveries have the same id.")
            .says(
                "It is sent at once with the same id, and again after the usual pauses if that fails: to all endpoints of \
                 yours and of your teams that got it, or to the one that you name.",
            )
            .answers("The deliveries, which are under way.")
            .refuses(&[Code::Conflict]),
    ]
}

/// `POST /webhook-deliveries/{id}/replay`, which needs no body.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReplayDelivery {
    /// The only endpoint to send it to.
    #[schemars(with = "Option<schema::WebhookEndpointId>")]
    pub webhook_endpoint_id: Option<String>,
}

impl ReplayDelivery {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<Option<WebhookEndpointId>, Refusal> {
        let (field, noun) = ("webhook_endpoint_id", "webhook endpoint");
        let parse =
            |text: String| WebhookEndpointId::parse(&text).ok_or(Refusal::NoSuch { field, noun });
        self.webhook_endpoint_id.map(parse).transpose()
    }
}

/// The delivery of an event to an endpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookDelivery")]
pub struct DeliveryView {
    /// `evt_…`, the same for every endpoint that gets the event.
    #[schemars(with = "schema::EventId")]
    pub id: String,
    /// Always `webhook_delivery`.
    #[schemars(extend("const" = "webhook_delivery"))]
    pub object: String,
    /// The event.
    #[serde(rename = "type")]
    #[schemars(with = "schema::EventType")]
    pub kind: String,
    /// The endpoint; null for the `webhook_url` of a generation.
    #[schemars(with = "Option<schema::WebhookEndpointId>")]
    pub webhook_endpoint_id: Option<String>,
    /// `pending`, `delivered` or `failed`.
    #[schemars(with = "schema::DeliveryState")]
    pub state: String,
    /// The last twenty attempts, in their order.
    pub attempts: Vec<AttemptView>,
    /// The time of the next attempt, while the delivery is pending.
    #[schemars(with = "Option<schema::Time>")]
    pub next_attempt_at: Option<String>,
    /// The time of the event.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
}

/// One attempt.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookAttempt")]
pub struct AttemptView {
    /// The time at which the attempt began.
    #[schemars(with = "schema::Time")]
    pub at: String,
    /// The status of the endpoint's answer, if there was one.
    #[schemars(example = 200)]
    pub status: Option<u16>,
    /// The duration of the attempt, in milliseconds.
    #[schemars(with = "schema::Count")]
    pub duration_ms: u32,
    /// The beginning of the answer's body: 1,024 bytes at most.
    pub response: Option<String>,
    /// The reason why there is no answer, or why the answer does not count as success.
    pub error: Option<String>,
}

impl From<&WebhookDelivery> for DeliveryView {
    fn from(delivery: &WebhookDelivery) -> Self {
        let event = &delivery.event;
        Self {
            id: event.id.to_string(),
            object: "webhook_delivery".to_owned(),
            kind: event.kind.as_str().to_owned(),
            webhook_endpoint_id: match delivery.to_own_address {
                true => None,
                false => Some(delivery.endpoint.to_string()),
            },
            state: delivery.state.as_str().to_owned(),
            attempts: delivery.attempts.iter().map(AttemptView::from).collect(),
            next_attempt_at: delivery.next_attempt_at.map(time::format),
            created_at: time::format(event.at),
        }
    }
}

impl From<&DeliveryAttempt> for AttemptView {
    fn from(attempt: &DeliveryAttempt) -> Self {
        Self {
            at: time::format(attempt.at),
            status: attempt.status,
            duration_ms: attempt.duration_ms,
            response: attempt.response.clone(),
            error: attempt.error.clone(),
        }
    }
}
