//! Giving back credits that were spent on a generation. Only admins may do it, once for each generation.

use std::time::Duration;

use aws::Fault;
use domain::Refusal;
use domain::admin::RefundOrder;
use domain::audit::{AuditAction, AuditEvent, Chain};
use domain::callers::Admin;
use domain::events::{EventKind, Subject};
use domain::generations::Generation;
use domain::idempotency::IdempotencyKey;
use domain::ids::GenerationId;
use domain::ledger::{Actor, Entry};
use domain::time::Day;
use domain::webhook_deliveries::WebhookDelivery;
use store::{GenerationRefund, Once, RefundWritten, System};

use crate::postings::{self, Booking};
use crate::{App, Error, audit, clock, events};

/// The time that a refund is tried while others write to the same wallet: well inside the gateway's 29
/// seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// Gives back all or a part of the credits that were spent on a generation to those who paid: the wallet,
/// the member's month and the API key. Its media stay.
///
/// # Errors
/// [`Refusal::NotFound`] if there is no such generation, [`Refusal::Conflict`] if nothing was spent on it
/// or it was refunded before, [`Refusal::Invalid`] for more than was spent,
/// [`Refusal::IdempotencyMismatch`] if the key came with another request.
pub async fn refund(
    app: &App,
    admin: &Admin,
    id: &GenerationId,
    order: &RefundOrder,
    key: Option<&IdempotencyKey>,
) -> Result<Booking, Error> {
    let once = postings::once(admin, key, &format!("refund/{id}/{}", order.fingerprint));
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        if let Some(booking) = postings::replayed(app, once.as_ref()).await? {
            return Ok(booking);
        }
        if let Some(booking) = try_refund(app, admin, id, order, once.as_ref()).await? {
            return Ok(booking);
        }
    }
    Err(Refusal::Busy.into())
}

/// Returns the deliveries that tell webhook endpoints about the refund of a job.
async fn tell(app: &App, job: &Generation) -> Result<Vec<WebhookDelivery>, Fault> {
    let subject = Subject::Entry {
        tenant: job.tenant.clone(),
        entry: Entry::id_of_refund(&job.id),
    };
    let tenants = std::slice::from_ref(&job.tenant);
    events::of(app, tenants, EventKind::CreditsRefunded, subject).await
}

/// Tries a refund once. Returns `None` if others were first.
async fn try_refund(
    app: &App,
    admin: &Admin,
    id: &GenerationId,
    order: &RefundOrder,
    once: Option<&Once>,
) -> Result<Option<Booking>, Error> {
    let store = app.store();
    let job = store.job(System, id).await?;
    let job = job.ok_or(Refusal::NotFound("generation"))?;
    let (next, amount) = match job.refund(order.amount) {
        Ok(refund) => refund,
        // This very request, sent twice, may have refunded it.
        Err(refusal) => return Ok(Some(postings::replayed(app, once).await?.ok_or(refusal)?)),
    };
    let (log, capture) = (Chain::Tenant(job.tenant.clone()), Entry::id_of_capture(id));
    let (wallet, head, capture, told) = tokio::try_join!(
        store.wallet(&job.tenant),
        store.audit_head(&log),
        store.entry(&job.tenant, &capture),
        tell(app, &job)
    )?;
    let doing = "refunding a generation";
    let capture = capture.ok_or_else(|| Fault::new(doing, "its capture is missing"))?;
    let actor = Actor::User(admin.user.clone());
    let because = (actor.clone(), order.reason.as_str());
    let booked = match wallet.refund(id, amount, because, clock::now()) {
        Ok(booked) => booked,
        Err(broken) => {
            // The wallet may have been read after another refund of this generation, and the record before
            // it.
            let is_as_read = store.job(System, id).await?.is_some_and(|now| now == job);
            return if is_as_read {
                Err(Fault::new(doing, broken).into())
            } else {
                Ok(None)
            };
        }
    };
    let refund = GenerationRefund {
        job: &next,
        booked: &booked,
        spent_on: Day::from(capture.created_at),
        once,
        told: &told,
    };
    let deed = AuditEvent {
        chain: log,
        actor,
        act: AuditAction::CreditsRefunded,
        subject: booked.entry.id.clone(),
    };
    let written = audit::recorded(app, &deed, Some(head), |record| {
        store.refund(&refund, record)
    });
    match written.await? {
        RefundWritten::Done => Ok(Some(Booking {
            entry: booked.entry,
            replayed: false,
        })),
        RefundWritten::KeyUsed(used) => postings::found(app, once, used).await.map(Some),
        // The owner is gone, and the generation is deleted soon.
        RefundWritten::OwnerGone => Err(Refusal::NotFound("generation").into()),
        RefundWritten::Stale => Ok(None),
    }
}
