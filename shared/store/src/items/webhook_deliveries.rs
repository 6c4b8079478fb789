//! Events on their way to webhook endpoints (`whe_… / evt_…`). The index `by_event` (event, owner) finds
//! all deliveries of one event; the module of endpoints describes the index `due`.

use std::time::Duration;

use aws::Fault;
use domain::Timestamp;
use domain::alerts::AlertNote;
use domain::events::{EventKind, Subject, WebhookEvent};
use domain::ids::{EventId, GenerationId, TeamId, Tenant, UserId, WebhookEndpointId};
use domain::webhook_deliveries::{DeliveryAttempt, DeliveryState, KEPT_FOR, WebhookDelivery};
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::alerts::AlertNoteItem;
use super::webhook_endpoints::due_shard;
use super::{Item, broken};

/// The time for which the sweep leaves an attempt to the message that was sent for it.
const SWEPT_AFTER: Duration = Duration::from_secs(30);

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
pub(crate) struct WebhookDeliveryItem {
    owner: String,
    item: String,
    event: String,
    tenant: String,
    to_own_address: Option<bool>,
    kind: String,
    at_ms: i64,
    generation: Option<String>,
    entry: Option<String>,
    /// The tenant whose ledger has the entry.
    ledger: Option<String>,
    alert: Option<AlertNoteItem>,
    team: Option<String>,
    member: Option<String>,
    state: String,
    #[serde(default)]
    attempts: Vec<AttemptItem>,
    tries: u32,
    next_attempt_at_ms: Option<i64>,
    due_shard: Option<String>,
    due_at_ms: Option<i64>,
    ttl: i64,
    version: u64,
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct AttemptItem {
    at_ms: i64,
    duration_ms: u32,
    status: Option<u16>,
    response: Option<String>,
    error: Option<String>,
}

impl From<&WebhookDelivery> for WebhookDeliveryItem {
    fn from(delivery: &WebhookDelivery) -> Self {
        let event = &delivery.event;
        let due_at = delivery.next_attempt_at.map(|at| at.plus(SWEPT_AFTER));
        let mut item = Self {
            owner: delivery.endpoint.to_string(),
            item: event.id.to_string(),
            event: event.id.to_string(),
            tenant: delivery.tenant.to_string(),
            to_own_address: delivery.to_own_address.then_some(true),
            kind: event.kind.as_str().to_owned(),
            at_ms: event.at.ms(),
            generation: None,
            entry: None,
            ledger: None,
            alert: None,
            team: None,
            member: None,
            state: delivery.state.as_str().to_owned(),
            attempts: delivery.attempts.iter().map(AttemptItem::from).collect(),
            tries: delivery.tries,
            next_attempt_at_ms: delivery.next_attempt_at.map(Timestamp::ms),
            due_shard: due_at.map(|_| due_shard(event.id.as_str())),
            due_at_ms: due_at.map(Timestamp::ms),
            ttl: event.at.plus(KEPT_FOR).seconds(),
            version: delivery.version,
        };
        item.name(&event.subject);
        item
    }
}

impl WebhookDeliveryItem {
    fn name(&mut self, subject: &Subject) {
        match subject {
            Subject::Generation(id) => self.generation = Some(id.to_string()),
            Subject::Entry { tenant, entry } => {
                self.ledger = Some(tenant.to_string());
                self.entry = Some(entry.clone());
            }
            Subject::Alert { tenant, alert } => {
                let note = AlertNote {
                    id: self.event.clone(),
                    tenant: tenant.clone(),
                    alert: alert.clone(),
                };
                self.alert = Some(AlertNoteItem::from(&note));
            }
            Subject::Member { team, user } => {
                self.team = Some(team.to_string());
                self.member = Some(user.to_string());
            }
            Subject::Nothing => {}
        }
    }
}

impl TryFrom<WebhookDeliveryItem> for WebhookDelivery {
    type Error = Fault;

    fn try_from(item: WebhookDeliveryItem) -> Result<Self, Fault> {
        let kind = EventKind::parse(&item.kind).ok_or_else(|| broken("kind"))?;
        Ok(Self {
            endpoint: WebhookEndpointId::parse(&item.owner).ok_or_else(|| broken("owner"))?,
            tenant: Tenant::parse(&item.tenant).ok_or_else(|| broken("tenant"))?,
            to_own_address: item.to_own_address.unwrap_or(false),
            state: DeliveryState::parse(&item.state).ok_or_else(|| broken("state"))?,
            tries: item.tries,
            next_attempt_at: item.next_attempt_at_ms.map(Timestamp::from_ms),
            version: item.version,
            event: WebhookEvent {
                id: EventId::parse(&item.event).ok_or_else(|| broken("event"))?,
                kind,
                at: Timestamp::from_ms(item.at_ms),
                subject: subject(kind, &item.generation, &item.entry, &item.ledger)
                    .or_else(|| member(kind, item.team.as_deref(), item.member.as_deref()))
                    .map_or_else(|| alert(kind, item.alert), Ok)?,
            },
            attempts: item
                .attempts
                .into_iter()
                .map(DeliveryAttempt::from)
                .collect(),
        })
    }
}

/// Returns the generation or the ledger entry that an event of this kind names, if it names one.
fn subject(
    kind: EventKind,
    generation: &Option<String>,
    entry: &Option<String>,
    ledger: &Option<String>,
) -> Option<Subject> {
    match kind {
        EventKind::GenerationSucceeded
        | EventKind::GenerationFailed
        | EventKind::GenerationCanceled
        | EventKind::MediaExpiring => {
            GenerationId::parse(generation.as_deref()?).map(Subject::Generation)
        }
        EventKind::CreditsRefunded => Some(Subject::Entry {
            tenant: Tenant::parse(ledger.as_deref()?)?,
            entry: entry.clone()?,
        }),
        EventKind::Test => Some(Subject::Nothing),
        EventKind::CreditsLow | EventKind::MemberJoined => None,
    }
}

fn member(kind: EventKind, team: Option<&str>, user: Option<&str>) -> Option<Subject> {
    let is_it = kind == EventKind::MemberJoined;
    is_it.then_some(Subject::Member {
        team: TeamId::parse(team?)?,
        user: UserId::parse(user?)?,
    })
}

fn alert(kind: EventKind, note: Option<AlertNoteItem>) -> Result<Subject, Fault> {
    let note = note.filter(|_| kind == EventKind::CreditsLow);
    let note: AlertNote = note.ok_or_else(|| broken("subject"))?.try_into()?;
    let AlertNote { tenant, alert, .. } = note;
    Ok(Subject::Alert { tenant, alert })
}

impl From<&DeliveryAttempt> for AttemptItem {
    fn from(attempt: &DeliveryAttempt) -> Self {
        Self {
            at_ms: attempt.at.ms(),
            duration_ms: attempt.duration_ms,
            status: attempt.status,
            response: attempt.response.clone(),
            error: attempt.error.clone(),
        }
    }
}

impl From<AttemptItem> for DeliveryAttempt {
    fn from(item: AttemptItem) -> Self {
        Self {
            at: Timestamp::from_ms(item.at_ms),
            duration_ms: item.duration_ms,
            status: item.status,
            response: item.response,
            error: item.error,
        }
    }
}

/// An item of the index `due`: an endpoint and the event that is to be delivered to it; for a deleted
/// endpoint, no event.
#[derive(Deserialize)]
pub(crate) struct DueWebhookItem {
    owner: String,
    item: String,
    due_at_ms: i64,
}

/// A webhook item that a worker must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueWebhook {
    /// The endpoint.
    pub endpoint: WebhookEndpointId,
    /// The event to deliver; `None` for a deleted endpoint.
    pub event: Option<EventId>,
    /// The time at which it fell due.
    pub due_at: Timestamp,
}

impl TryFrom<DueWebhookItem> for DueWebhook {
    type Error = Fault;

    fn try_from(item: DueWebhookItem) -> Result<Self, Fault> {
        Ok(Self {
            endpoint: WebhookEndpointId::parse(&item.owner).ok_or_else(|| broken("owner"))?,
            event: EventId::parse(&item.item),
            due_at: Timestamp::from_ms(item.due_at_ms),
        })
    }
}

/// Returns the endpoint that an event is delivered to, by an item of the index `by_event`.
pub(crate) fn told(item: &Item) -> Result<WebhookEndpointId, Fault> {
    let owner = item.get("owner").and_then(|owner| owner.as_s().ok());
    let owner = owner.and_then(|owner| WebhookEndpointId::parse(owner));
    owner.ok_or_else(|| broken("owner"))
}
