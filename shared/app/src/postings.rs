//! Booking credits without a job: it reads the wallet, computes the booking, and commits it if nothing
//! moved meanwhile, once for each of the client's keys.

use std::time::Duration;

use aws::Fault;
use domain::audit::{AuditAction, AuditEvent, Chain, ChainHead};
use domain::callers::Caller;
use domain::idempotency::IdempotencyKey;
use domain::ids::Tenant;
use domain::ledger::{Booked, Entry, Wallet};
use domain::promos::Promo;
use domain::{Refusal, Timestamp};
use store::{Once, Posted, Posting, UsedKey};

use crate::{App, Error, clock};

/// The time that a booking is tried while others write to the same wallet: well inside the gateway's 29
/// seconds.
const PATIENCE: Duration = Duration::from_secs(8);

/// An entry that was booked, or found as an earlier request booked it.
#[derive(Debug)]
pub struct Booking {
    /// The entry.
    pub entry: Entry,
    /// Whether an earlier request with the same key made it.
    pub replayed: bool,
}

/// A request to book something.
pub(crate) struct BookingRequest<'a> {
    /// The owner of the wallet.
    pub(crate) tenant: Tenant,
    /// The client's key, if it gave one.
    pub(crate) once: Option<Once>,
    /// The code that is redeemed, if there is one.
    pub(crate) promo: Option<&'a Promo>,
    /// The act in the tenant's audit log, if it is recorded there.
    pub(crate) act: Option<AuditAction>,
}

/// The outcome of a booking request.
pub(crate) enum BookingOutcome {
    /// It is booked.
    Booked(Booking),
    /// The same event was booked before, without this key, as this entry.
    Before(Entry),
    /// The code cannot be redeemed, or not any more.
    PromoClosed,
}

/// Returns the record that `caller`'s `key` will leave.
pub(crate) fn once(
    caller: &Caller,
    key: Option<&IdempotencyKey>,
    fingerprint: &str,
) -> Option<Once> {
    key.map(|key| Once {
        caller: caller.user.clone(),
        key: key.as_str().to_owned(),
        fingerprint: fingerprint.to_owned(),
    })
}

/// Books the result that `work` computes from the wallet.
pub(crate) async fn post(
    app: &App,
    order: &BookingRequest<'_>,
    work: impl Fn(&Wallet, Timestamp) -> Result<Booked, Refusal>,
) -> Result<BookingOutcome, Error> {
    if let Some(replayed) = replay(app, order).await? {
        return Ok(replayed);
    }
    let (mut wallet, mut log) = read(app, order).await?;
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let now = clock::now();
        let booked = match work(&wallet, now) {
            Ok(booked) => booked,
            // This very request, sent twice, may have moved the credits.
            Err(refusal) => return Ok(replay(app, order).await?.ok_or(refusal)?),
        };
        let record = log.map(|(act, head)| head.append(&deed(order, act, &booked), now));
        let posting = Posting {
            booked: &booked,
            once: order.once.as_ref(),
            promo: order.promo,
            record: record.as_ref(),
            now,
        };
        match app.store().post(&posting).await? {
            Posted::Done => {
                return Ok(BookingOutcome::Booked(Booking {
                    entry: booked.entry,
                    replayed: false,
                }));
            }
            Posted::KeyUsed(used) => {
                let booking = found(app, order.once.as_ref(), used).await?;
                return Ok(BookingOutcome::Booked(booking));
            }
            Posted::Before => {
                let entry = entry(app, &order.tenant, &booked.entry.id).await?;
                return Ok(BookingOutcome::Before(entry));
            }
            Posted::PromoClosed => return Ok(BookingOutcome::PromoClosed),
            // The booking that moved the wallet may also be in the log, so the log is read again.
            Posted::WalletMoved(moved) => (wallet, log) = (moved, read_log(app, order).await?),
            Posted::Busy => (wallet, log) = read(app, order).await?,
        }
    }
    Err(Refusal::Busy.into())
}

/// The act to be recorded, and the end of the tenant's audit log.
type AuditContext = Option<(AuditAction, ChainHead)>;

/// Reads the wallet as it is now, and the end of its tenant's log.
async fn read(app: &App, order: &BookingRequest<'_>) -> Result<(Wallet, AuditContext), Fault> {
    tokio::try_join!(app.store().wallet(&order.tenant), read_log(app, order))
}

async fn read_log(app: &App, order: &BookingRequest<'_>) -> Result<AuditContext, Fault> {
    let Some(act) = order.act else {
        return Ok(None);
    };
    let chain = Chain::Tenant(order.tenant.clone());
    Ok(Some((act, app.store().audit_head(&chain).await?)))
}

/// Returns the log's record of a booking: the actor, and the entry that holds the details.
fn deed(order: &BookingRequest<'_>, act: AuditAction, booked: &Booked) -> AuditEvent {
    AuditEvent {
        chain: Chain::Tenant(order.tenant.clone()),
        actor: booked.entry.actor.clone(),
        act,
        subject: booked.entry.id.clone(),
    }
}

async fn replay(app: &App, order: &BookingRequest<'_>) -> Result<Option<BookingOutcome>, Error> {
    let booking = replayed(app, order.once.as_ref()).await?;
    Ok(booking.map(BookingOutcome::Booked))
}

/// Returns the booking that the client's key made before, if it did.
pub(crate) async fn replayed(app: &App, once: Option<&Once>) -> Result<Option<Booking>, Error> {
    let Some(once) = once else { return Ok(None) };
    match app.store().used_key(once).await? {
        Some(used) => found(app, Some(once), used).await.map(Some),
        None => Ok(None),
    }
}

/// Returns the entry that the client's key made before, if the request is the same.
pub(crate) async fn found(app: &App, once: Option<&Once>, used: UsedKey) -> Result<Booking, Error> {
    if once.map(|once| &once.fingerprint) != Some(&used.fingerprint) {
        return Err(Refusal::IdempotencyMismatch.into());
    }
    Ok(Booking {
        entry: entry(app, &used.tenant, &used.entry).await?,
        replayed: true,
    })
}

/// Reads an entry that must exist.
async fn entry(app: &App, tenant: &Tenant, id: &str) -> Result<Entry, Fault> {
    let entry = app.store().entry(tenant, id).await?;
    entry.ok_or_else(|| Fault::new("reading what was booked before", format!("{id} is missing")))
}
