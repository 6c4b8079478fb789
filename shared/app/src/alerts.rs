//! Warning the owners of wallets before credits run out.
//!
//! A transaction that crosses a threshold also writes a note. The purge hands notes to the mail worker,
//! which ends each note when its letter is sent. Until then a note is handed over again, up to
//! five times. An owner is warned within ten minutes, and at most ten times an hour.

use std::time::Duration;

use domain::Refusal;
use domain::access::Action;
use domain::accounts::User;
use domain::alerts::{Alert, AlertNote, CapOwner, Watch};
use domain::attempts::Attempt;
use domain::callers::Caller;
use domain::events::{EventKind, Subject};
use domain::ids::{TeamId, Tenant};
use mail::{Letter, Warning};
use queue::SendMail;
use store::{System, WriteOutcome};

use crate::teams::get;
use crate::{App, Error, attempts, clock, events};

/// The most notes that one run of the purge hands over.
const NOTES_MAX: i32 = 500;
/// The number of times that a note is handed over before it is given up. Each time, the queue itself tries
/// several times.
const TRIES_MAX: u32 = 5;
/// The time that the mail worker has for a letter before its note is handed over again: longer than the
/// queue tries.
const LEASE: Duration = Duration::from_secs(30 * 60);

/// Returns the thresholds of the caller's own wallet.
///
/// # Errors
/// A fault if it cannot be read.
pub async fn own(app: &App, caller: &Caller) -> Result<Watch, Error> {
    Ok(app.store().wallet(&Tenant::from(&caller.user)).await?.watch)
}

/// Sets the thresholds of the caller's own wallet. They replace the ones before.
///
/// # Errors
/// [`Refusal::Unauthorized`] if the account is gone.
pub async fn set_own(app: &App, caller: &Caller, watch: Watch) -> Result<Watch, Error> {
    let own = Tenant::from(&caller.user);
    if app.store().watch(&own, &watch).await? {
        Ok(watch)
    } else {
        Err(Refusal::Unauthorized.into())
    }
}

/// Returns the thresholds of a team's wallet, for members who may see its costs.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the caller may not.
pub async fn of_team(app: &App, caller: &Caller, id: &TeamId) -> Result<Watch, Error> {
    get(app, caller, Action::ViewCosts, id).await?;
    Ok(app.store().wallet(&Tenant::from(id)).await?.watch)
}

/// Sets the thresholds of a team's wallet. They replace the ones before.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if the caller may not set them.
pub async fn set_for_team(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    watch: Watch,
) -> Result<Watch, Error> {
    get(app, caller, Action::Manage, id).await?;
    if app.store().watch(&Tenant::from(id), &watch).await? {
        Ok(watch)
    } else {
        Err(Refusal::NotFound("team").into())
    }
}

/// Hands over every note that no worker has now, and returns how many. The purge calls it.
///
/// # Errors
/// A fault if they cannot be listed or handed over; the next run tries again.
pub async fn hand_over(app: &App) -> Result<usize, Error> {
    let store = app.store();
    let mut count = 0;
    for (note, taken) in store.alert_notes(System, NOTES_MAX).await? {
        if taken >= TRIES_MAX {
            tracing::error!(note = note.id, tenant = %note.tenant, "an alert cannot be told, and is given up");
            store.end_alert(System, &note.id).await?;
            continue;
        }
        let now = clock::now();
        if store.lease_alert(System, &note.id, now, LEASE).await? {
            let message = SendMail::Alert { note: note.id };
            app.queue().send_mail(&message).await?;
            count += 1;
        }
    }
    Ok(count)
}

/// Sends the letter of a note, and ends the note. The worker calls it. A user who has no account any more,
/// or whose e-mail is not verified, gets none.
///
/// # Errors
/// A fault if the letter was not sent.
pub async fn write_letter(app: &App, id: &str) -> Result<(), Error> {
    let store = app.store();
    let Some(note) = store.alert_note(System, id).await? else {
        return Ok(());
    };
    tell(app, &note).await?;
    let letter = Letter::Warning(warning(&note));
    warn(app, &note.tenant, letter, &note.id).await?;
    Ok(store.end_alert(System, id).await?)
}

/// Sends the alert to the webhook endpoints that listen for it. A note that is handed over again is the
/// same event: its record keeps the event's id.
async fn tell(app: &App, note: &AlertNote) -> Result<(), Error> {
    let subject = Subject::Alert {
        tenant: note.tenant.clone(),
        alert: note.alert.clone(),
    };
    let tenants = std::slice::from_ref(&note.tenant);
    let mut told = events::of(app, tenants, EventKind::CreditsLow, subject).await?;
    let Some(first) = told.first() else {
        return Ok(());
    };
    let named = app
        .store()
        .name_alert_event(System, &note.id, &first.event.id);
    let Some(id) = named.await? else {
        return Ok(());
    };
    for delivery in &mut told {
        delivery.event.id = id.clone();
    }
    if app.store().put_webhook_deliveries(&told).await? == WriteOutcome::Stale {
        tracing::warn!(
            note = note.id,
            "an endpoint was disabled before it was told of an alert"
        );
    }
    events::send(app, &told).await;
    Ok(())
}

/// Sends a letter to a user, or to the team's owner, if their e-mail is verified and there were not too
/// many letters: other people can cause them, such as members who may spend a team's credits. These letters
/// have a limit of their own, so that they do not use up the limit of others. `about` names the cause in
/// the log.
pub(crate) async fn warn(
    app: &App,
    tenant: &Tenant,
    letter: Letter<'_>,
    about: &str,
) -> Result<(), Error> {
    let reader = reader(app, tenant).await?;
    let Some(user) = reader.filter(|user| user.email_verified && !user.suspended) else {
        return Ok(());
    };
    let counted = Attempt::Warn(&user.id);
    match attempts::count(app, counted).await {
        Err(Error::Refused(Refusal::RateLimited { .. })) => {
            tracing::warn!(about, "too many warnings; this one is not sent");
            return Ok(());
        }
        other => other?,
    }
    let sent = app.mail().send(&user.email, letter).await;
    if sent.is_err() {
        attempts::take_back(app, counted).await?;
    }
    Ok(sent?)
}

/// Returns the reader of a warning: the user, or the team's owner.
async fn reader(app: &App, tenant: &Tenant) -> Result<Option<User>, Error> {
    match events::reader(app, tenant).await? {
        Some(user) => Ok(app.store().user(&user).await?),
        None => Ok(None),
    }
}

fn warning(note: &AlertNote) -> Warning<'_> {
    let team = match &note.tenant {
        Tenant::User(_) => None,
        Tenant::Team(team) => Some(team.as_str()),
    };
    match &note.alert {
        Alert::BalanceBelow {
            threshold,
            available,
        } => Warning::BalanceBelow {
            team,
            threshold: threshold.get(),
            available: available.get(),
        },
        Alert::CapUsed {
            percent,
            cap,
            whose,
        } => Warning::CapUsed {
            team,
            percent: *percent,
            cap: cap.get(),
            whose: match whose {
                CapOwner::Member(user) => user.as_str(),
                CapOwner::Key(key) => key.as_str(),
            },
        },
    }
}
