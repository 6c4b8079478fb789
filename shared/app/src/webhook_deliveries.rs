//! Delivering events to webhook endpoints, one attempt at a time, by a worker; and showing the deliveries
//! to their owners.

use std::time::Duration;

use aws::Fault;
use domain::callers::Caller;
use domain::events::{EventKind, ShownSubject, Subject, WebhookEvent};
use domain::ids::{EventId, Tenant, WebhookEndpointId};
use domain::webhook_deliveries::{DeliveryAttempt, Tried, WebhookDelivery};
use domain::webhook_endpoints::{EndpointStatus, Reached, SecretSeeds, WebhookEndpoint};
use domain::{Refusal, Timestamp};
use futures::{StreamExt as _, TryStreamExt as _};
use queue::{DELAY_MAX, SendMail};
use receivers::{Message, RetryAt};
use store::{System, WriteOutcome};

use crate::pages::{self, SealedPage};
use crate::webhook_endpoints::{get, may_manage};
use crate::webhook_secrets::secret;
use crate::{App, Error, clock, events};

/// The time that a write is tried while other writes conflict with it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most deliveries that one sweep takes from each shard of the index. The next sweep takes more.
const DUE_MAX: i32 = 250;
/// The time for which the sweep leaves a delivery that it sent to its message.
const LEASE: Duration = Duration::from_secs(5 * 60);
/// The most leases that are written at once.
const LEASES_AT_ONCE: usize = 32;

/// Writes the body of an event.
pub type EventWriter = fn(&WebhookEvent, &ShownSubject, &str) -> Vec<u8>;

/// Returns a page of the deliveries to an endpoint, newest first.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the caller does not manage it,
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    caller: &Caller,
    id: &WebhookEndpointId,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<WebhookDelivery>, Error> {
    get(app, caller, id).await?;
    let binding = format!("{}/webhook-endpoints/{id}/deliveries", caller.user);
    pages::read(cursor, &binding, |after| {
        app.store().webhook_deliveries(id, after, limit)
    })
    .await
}

/// Sends a test event to an endpoint.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the caller does not manage it, [`Refusal::Conflict`] if
/// it is disabled.
pub async fn test(
    app: &App,
    caller: &Caller,
    id: &WebhookEndpointId,
) -> Result<WebhookDelivery, Error> {
    let endpoint = get(app, caller, id).await?;
    let event = events::new(EventKind::Test, Subject::Nothing)?;
    let delivery = WebhookDelivery::new(endpoint.id, endpoint.tenant, event);
    let told = std::slice::from_ref(&delivery);
    match app.store().put_webhook_deliveries(told).await? {
        WriteOutcome::Done => {
            events::send(app, told).await;
            Ok(delivery)
        }
        WriteOutcome::Stale => Err(disabled().into()),
    }
}

/// Sends an event again, now, to the endpoints that the caller manages: to all that got it, or only to the
/// named one.
///
/// # Errors
/// [`Refusal::NotFound`] if none of theirs got it, [`Refusal::Conflict`] if one of them is disabled.
pub async fn replay(
    app: &App,
    caller: &Caller,
    event: &EventId,
    only: Option<&WebhookEndpointId>,
) -> Result<Vec<WebhookDelivery>, Error> {
    let mut told = Vec::new();
    for delivery in app.store().webhook_deliveries_of(System, event).await? {
        let is_wanted = only.is_none_or(|id| *id == delivery.endpoint);
        if !is_wanted {
            continue;
        }
        match may_manage(app, caller, &delivery.tenant).await {
            Ok(()) => {}
            Err(Error::Refused(_)) => continue,
            Err(fault) => return Err(fault),
        }
        if let Some(delivery) = again(app, caller, delivery).await? {
            told.push(delivery);
        }
    }
    if told.is_empty() {
        return Err(Refusal::NotFound("webhook delivery").into());
    }
    events::send(app, &told).await;
    Ok(told)
}

/// Begins a delivery anew. Returns `None` if its endpoint is gone.
async fn again(
    app: &App,
    caller: &Caller,
    delivery: WebhookDelivery,
) -> Result<Option<WebhookDelivery>, Error> {
    if !delivery.to_own_address {
        match get(app, caller, &delivery.endpoint).await {
            Ok(endpoint) if endpoint.status == EndpointStatus::Enabled => {}
            Ok(_) => return Err(disabled().into()),
            Err(Error::Refused(Refusal::NotFound(_))) => return Ok(None),
            Err(other) => return Err(other),
        }
    }
    let mut found = Some(delivery);
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let Some(delivery) = found else {
            return Ok(None);
        };
        let next = delivery.replayed(clock::now());
        if app.store().replace_webhook_delivery(&next).await? == WriteOutcome::Done {
            return Ok(Some(next));
        }
        let (endpoint, event) = (&delivery.endpoint, &delivery.event.id);
        found = app
            .store()
            .webhook_delivery(System, endpoint, event)
            .await?;
    }
    Err(Refusal::Busy.into())
}

fn disabled() -> Refusal {
    Refusal::Conflict("the endpoint is disabled; enable it first (status: enabled)".to_owned())
}

/// Sends an event to an endpoint, if its delivery is due. The worker calls it. A message that comes twice
/// does nothing more: the record says that an attempt is under way.
///
/// # Errors
/// A fault if something of ours did not answer. The delivery becomes due again by itself.
pub async fn deliver(
    app: &App,
    id: &WebhookEndpointId,
    event: &EventId,
    write: EventWriter,
) -> Result<(), Error> {
    let (delivery, endpoint) = tokio::try_join!(
        app.store().webhook_delivery(System, id, event),
        app.store().webhook_endpoint(System, id)
    )?;
    let Some(begun) = delivery.and_then(|it| it.begun(clock::now())) else {
        return Ok(());
    };
    if app.store().replace_webhook_delivery(&begun).await? == WriteOutcome::Stale {
        return Ok(());
    }
    if begun.is_used_up() {
        return give_up(app, &begun, "every attempt was broken off on our side").await;
    }
    let enabled = endpoint.filter(|it| it.status == EndpointStatus::Enabled);
    let Some(target) = target(app, &begun, enabled.as_ref()).await? else {
        return give_up(app, &begun, "the endpoint is disabled").await;
    };
    let Some(shown) = events::show(app, &begun.tenant, &begun.event).await? else {
        return give_up(app, &begun, "what this is about was deleted").await;
    };
    let base_url = app.config.public_url.as_deref().unwrap_or_default();
    let body = write(&begun.event, &shown, base_url);
    let tried = attempt(app, &target, &begun, body).await?;
    let reached = tried.reached;
    let next = begun.tried(tried, clock::now());
    if app.store().replace_webhook_delivery(&next).await? == WriteOutcome::Done {
        send_soon(app, &next).await;
    }
    match enabled {
        Some(endpoint) => learn(app, endpoint, reached).await,
        None => Ok(()),
    }
}

/// The address of a delivery, and the secrets that sign it.
struct Target {
    url: String,
    /// The owner of the secret: an endpoint, or a user for addresses of single generations.
    owner: String,
    seeds: SecretSeeds,
}

/// Returns the target of a delivery, or `None` if it is disabled or gone.
async fn target(
    app: &App,
    delivery: &WebhookDelivery,
    enabled: Option<&WebhookEndpoint>,
) -> Result<Option<Target>, Fault> {
    if !delivery.to_own_address {
        return Ok(enabled.map(|endpoint| Target {
            url: endpoint.details.url.clone(),
            owner: endpoint.id.to_string(),
            seeds: endpoint.secrets.clone(),
        }));
    }
    let Tenant::User(author) = &delivery.tenant else {
        return Ok(None);
    };
    let endpoint = &delivery.endpoint;
    let own = app.store().own_address(System, author, endpoint).await?;
    Ok(own.map(|(url, seeds)| Target {
        url,
        owner: author.to_string(),
        seeds,
    }))
}

/// Makes one attempt.
async fn attempt(
    app: &App,
    target: &Target,
    delivery: &WebhookDelivery,
    body: Vec<u8>,
) -> Result<Tried, Error> {
    let (id, began_at) = (delivery.event.id.as_str(), clock::now());
    let at_s = began_at.seconds();
    let mut signatures = Vec::new();
    for seed in target.seeds.signing(began_at) {
        let secret = secret(app, &target.owner, seed).await?;
        let signature = secret.sign(id, at_s, &body);
        signatures.push(signature.map_err(Fault::doing("signing a webhook"))?);
    }
    let message = Message {
        id,
        at_s,
        signatures,
        body,
    };
    let answer = app.receivers()?.tell(&target.url, message).await;
    let now = clock::now();
    let retry_after = answer.retry_at.map(|at| match at {
        RetryAt::In(pause) => pause,
        RetryAt::At(at) => at.since(now),
    });
    Ok(Tried {
        reached: answer.reached(),
        retry_after,
        attempt: DeliveryAttempt {
            at: began_at,
            duration_ms: u32::try_from(now.since(began_at).as_millis()).unwrap_or(u32::MAX),
            status: answer.status,
            response: answer.response,
            error: answer.error,
        },
    })
}

/// Ends a delivery that cannot be made any more.
async fn give_up(app: &App, delivery: &WebhookDelivery, why: &str) -> Result<(), Error> {
    let next = delivery.given_up(why, clock::now());
    app.store().replace_webhook_delivery(&next).await?;
    Ok(())
}

/// Sends the message for the next attempt, if SQS can delay it for long enough. The sweep sends the others.
async fn send_soon(app: &App, delivery: &WebhookDelivery) {
    let pause = delivery.next_attempt_at.map(|at| at.since(clock::now()));
    let Some(pause) = pause.filter(|pause| *pause < DELAY_MAX) else {
        return;
    };
    // The pause is rounded up: a message that comes too early finds nothing due. At most two messages of a
    // delivery are sent like this, far fewer than Lambda takes for a loop.
    let pause = Duration::from_secs(pause.as_secs() + 1);
    let (tenant, event) = (&delivery.tenant, &delivery.event.id);
    let sent = app
        .queue()
        .deliver(tenant, &delivery.endpoint, event, pause);
    if let Err(fault) = sent.await {
        tracing::warn!(fault = fault.chain(), "a webhook is left to the sweep");
    }
}

/// Notes the outcome of an attempt on its endpoint, and asks for a letter to its owner if that disables it.
async fn learn(app: &App, endpoint: WebhookEndpoint, reached: Reached) -> Result<(), Error> {
    let mut found = Some(endpoint);
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let Some(before) = found else {
            return Ok(());
        };
        let Some(next) = before.tried(reached, clock::now()) else {
            return Ok(());
        };
        let written = app
            .store()
            .replace_webhook_endpoint(System, &before, &next)
            .await?;
        if written == WriteOutcome::Done {
            if next.status != before.status {
                let endpoint_id = next.id;
                let letter = SendMail::WebhookDisabled { endpoint_id };
                app.queue().send_mail(&letter).await?;
            }
            return Ok(());
        }
        found = app.store().webhook_endpoint(System, &before.id).await?;
    }
    // The next attempt will note the same.
    tracing::warn!(
        "what an attempt says of its endpoint is not remembered: its record is too busy"
    );
    Ok(())
}

/// Sends the deliveries that are due and have no message, and returns their number. The sweep calls it.
///
/// # Errors
/// A fault if they could not be found or sent. Those that were not sent are due again.
pub async fn send_due(app: &App) -> Result<usize, Error> {
    let now = clock::now();
    let due = app.store().due_webhooks(System, now, DUE_MAX).await?;
    let until: Timestamp = now.plus(LEASE);
    let leases = due.into_iter().map(|due| async move {
        let is_ours = app.store().lease_webhook(System, &due, until).await?;
        Ok::<_, Fault>(is_ours.then_some((due.endpoint, due.event)))
    });
    let leased: Vec<_> = futures::stream::iter(leases)
        .buffered(LEASES_AT_ONCE)
        .try_filter_map(|lease| async move { Ok(lease) })
        .try_collect()
        .await?;
    app.queue().deliver_all(&leased).await?;
    Ok(leased.len())
}
