//! Telling webhook endpoints about events.
//!
//! An event is written in one transaction with a delivery to each endpoint that gets it. So no event is
//! told that did not happen, and none is forgotten. A message speeds the delivery up, and the sweep finds
//! deliveries that got no message.

use std::time::Duration;

use aws::Fault;
use domain::access::Action;
use domain::events::{EventKind, ShownSubject, Subject, WebhookEvent, told_of};
use domain::generations::Generation;
use domain::ids::{EventId, GenerationId, Tenant, UserId, WebhookEndpointId};
use domain::time::Month;
use domain::webhook_deliveries::WebhookDelivery;
use store::System;

use crate::generations::{MEDIA_EXPIRY_DEFAULT, show_to};
use crate::{App, Error, clock};

/// Returns the deliveries that a job's step from `job` to `next` causes.
pub(crate) async fn of_step(
    app: &App,
    job: &Generation,
    next: &Generation,
) -> Result<Vec<WebhookDelivery>, Fault> {
    let Some(kind) = EventKind::of_step(job.state, next.state) else {
        return Ok(Vec::new());
    };
    let subject = Subject::Generation(job.id.clone());
    let mut told = of(app, &told_of(job), kind, subject.clone()).await?;
    if job.has_own_address {
        let event = match told.first() {
            Some(first) => first.event.clone(),
            None => new(kind, subject)?,
        };
        let (id, author) = (WebhookEndpointId::of(&job.id), Tenant::from(&job.author));
        told.push(WebhookDelivery {
            to_own_address: true,
            ..WebhookDelivery::new(id, author, event)
        });
    }
    Ok(told)
}

/// Returns deliveries of one event to the endpoints of `tenants`. The event has the same id for all of
/// them.
pub(crate) async fn of(
    app: &App,
    tenants: &[Tenant],
    kind: EventKind,
    subject: Subject,
) -> Result<Vec<WebhookDelivery>, Fault> {
    let listeners = app.store().listeners(tenants, kind).await?;
    if listeners.is_empty() {
        return Ok(Vec::new());
    }
    let event = new(kind, subject)?;
    let each = listeners.into_iter();
    Ok(each
        .map(|(endpoint, tenant)| WebhookDelivery::new(endpoint, tenant, event.clone()))
        .collect())
}

/// Returns an event that happens now.
pub(crate) fn new(kind: EventKind, subject: Subject) -> Result<WebhookEvent, Fault> {
    let now = clock::now();
    Ok(WebhookEvent {
        id: EventId::new(now, clock::entropy()?),
        kind,
        subject,
        at: now,
    })
}

/// Sends messages for deliveries that are written. If one fails, the sweep finds its delivery a little
/// later.
pub(crate) async fn send(app: &App, deliveries: &[WebhookDelivery]) {
    let each = deliveries.iter().map(|delivery| {
        let (tenant, event) = (&delivery.tenant, &delivery.event.id);
        app.queue()
            .deliver(tenant, &delivery.endpoint, event, Duration::ZERO)
    });
    for sent in futures::future::join_all(each).await {
        if let Err(fault) = sent {
            tracing::warn!(fault = fault.chain(), "a webhook is left to the next sweep");
        }
    }
}

/// Returns the subject of an event as `tenant` sees it now, or `None` if it is gone or they may no longer
/// see it.
pub(crate) async fn show(
    app: &App,
    tenant: &Tenant,
    event: &WebhookEvent,
) -> Result<Option<ShownSubject>, Error> {
    Ok(match &event.subject {
        Subject::Nothing => Some(ShownSubject::Nothing),
        Subject::Alert { tenant, alert } => Some(ShownSubject::Alert {
            tenant: tenant.clone(),
            alert: alert.clone(),
        }),
        Subject::Generation(id) => generation(app, tenant, id).await?,
        Subject::Entry { tenant, entry } => {
            let entry = app.store().entry(tenant, entry).await?;
            entry.map(ShownSubject::Entry)
        }
        Subject::Member { team, user } => match app.store().membership(team, user).await? {
            Some(membership) => {
                let month = Month::from(clock::now());
                let member = app.store().member(membership, month).await?;
                Some(ShownSubject::Member {
                    membership: member.membership,
                    user: member.user.map(Box::new),
                    committed: member.committed,
                })
            }
            None => None,
        },
    })
}

async fn generation(
    app: &App,
    tenant: &Tenant,
    id: &GenerationId,
) -> Result<Option<ShownSubject>, Error> {
    let Some(reader) = reader(app, tenant).await? else {
        return Ok(None);
    };
    let found = app
        .store()
        .generation_for(&reader, Action::View, id)
        .await?;
    let Ok(seen) = found else {
        return Ok(None);
    };
    let shown = show_to(app, &reader, seen, MEDIA_EXPIRY_DEFAULT).await?;
    Ok(Some(ShownSubject::Generation(Box::new(shown))))
}

/// Returns the user whose view a tenant has: a user's own, or that of a team's owner.
pub(crate) async fn reader(app: &App, tenant: &Tenant) -> Result<Option<UserId>, Fault> {
    match tenant {
        Tenant::User(user) => Ok(Some(user.clone())),
        Tenant::Team(team) => app.store().team_owner(System, team).await,
    }
}
