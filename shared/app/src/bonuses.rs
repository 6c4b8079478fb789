//! Sign-up bonuses. The transaction that makes one due leaves a note of it, so that no other step waits for
//! it or fails with it. Then it is booked at once. The purge books those that are left, because a worker
//! died or the day has given its maximum.

use std::time::Duration;

use aws::Fault;
use domain::accounts::User;
use domain::bonuses::{BonusAt, BonusNote};
use domain::ids::{Tenant, UserId};
use domain::mailboxes::Mailbox;
use domain::time::Day;
use domain::{Refusal, Timestamp};
use store::{Bonus, BonusBooked, System};

use crate::{App, Error, clock, metrics};

/// The time that a booking is tried while other writes conflict with it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The number of notes that are read at once.
const PAGE_NOTES: i32 = 100;
/// The most pages of notes that one run of the purge reads. The notes of suspended users stay, and must not
/// hold up the others.
const PAGES_MAX: usize = 20;

/// Returns the bonus that becomes due for a new user with their account, if there is one.
pub(crate) fn due_at_registration(app: &App, user: &User, now: Timestamp) -> Option<BonusNote> {
    match app.config.sign_up_bonus.at {
        BonusAt::Registration => note(app, user, now),
        BonusAt::Verification => None,
    }
}

/// Returns the bonus that becomes due when a user's e-mail is verified, unless it was verified before.
pub(crate) fn due_at_verification(app: &App, user: &User, now: Timestamp) -> Option<BonusNote> {
    note(app, user, now).filter(|_| !user.email_verified)
}

fn note(app: &App, user: &User, now: Timestamp) -> Option<BonusNote> {
    let given = app.config.sign_up_bonus.amount > domain::Credits::ZERO;
    given.then(|| BonusNote {
        user: user.id.clone(),
        due_at: now,
    })
}

/// Books a bonus that has just become due. The purge books it if that fails.
pub(crate) async fn book_now(app: &App, due: Option<&BonusNote>) {
    let Some(due) = due else { return };
    if let Err(fault) = book(app, &due.user).await {
        let fault = fault.chain();
        tracing::error!(user = %due.user, fault, "a sign-up bonus is left to the purge");
    }
}

/// The results of a run of the purge for bonuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BonusRun {
    /// The number of notes that have ended.
    pub ended: usize,
    /// The number of notes that wait: for another day, for a suspension to end, or for a fault to be
    /// mended.
    pub waiting: usize,
}

/// Books the bonuses that are still due.
///
/// # Errors
/// A fault if they cannot be listed, or one could not be booked; the next run tries again.
pub async fn go_on(app: &App) -> Result<BonusRun, Error> {
    let (mut run, mut failed) = (BonusRun::default(), None);
    let mut after = None;
    'run: for _ in 0..PAGES_MAX {
        let notes = app.store();
        let notes = notes.bonus_notes(System, after.as_ref(), PAGE_NOTES);
        let notes = notes.await?;
        let Some(last) = notes.last() else { break };
        after = Some(last.user.clone());
        for note in &notes {
            match book(app, &note.user).await {
                Ok(BonusOutcome::Ended) => run.ended += 1,
                Ok(BonusOutcome::Waits) => run.waiting += 1,
                Ok(BonusOutcome::DayIsFull) => {
                    run.waiting += 1;
                    break 'run;
                }
                Err(fault) => {
                    tracing::error!(user = %note.user, fault = fault.chain(), "a bonus is stuck");
                    run.waiting += 1;
                    failed = Some(fault);
                }
            }
        }
    }
    match failed {
        None => Ok(run),
        Some(fault) => Err(fault.into()),
    }
}

/// The outcome of booking a bonus.
enum BonusOutcome {
    /// It is booked, or never will be. The note has ended.
    Ended,
    /// It stays due.
    Waits,
    /// The day has given as many bonuses as it may.
    DayIsFull,
}

/// Books the bonus that is due to `user`. Two calls at once book it once.
async fn book(app: &App, user: &UserId) -> Result<BonusOutcome, Fault> {
    let (store, rule) = (app.store(), &app.config.sign_up_bonus);
    let tenant = Tenant::User(user.clone());
    let (profile, mut wallet, key) =
        tokio::try_join!(store.user(user), store.wallet(&tenant), app.mailbox_key())?;
    let Some(profile) = profile else {
        store.end_bonus_note(user).await?;
        return Ok(BonusOutcome::Ended);
    };
    let mailbox = key
        .digest(&Mailbox::of(&profile.email))
        .map_err(Fault::doing("remembering a mailbox"))?;
    let mut tries = clock::tries(PATIENCE);
    while tries.again().await? {
        let now = clock::now();
        let booked = wallet
            .bonus(user, rule.amount, now)
            .map_err(Fault::doing("booking a sign-up bonus"))?;
        let bonus = Bonus {
            user,
            mailbox: &mailbox,
            booked: &booked,
            day: Day::from(now),
            per_day_max: rule.per_day_max,
        };
        match store.book_bonus(&bonus).await? {
            BonusBooked::Done | BonusBooked::NotDue => return Ok(BonusOutcome::Ended),
            BonusBooked::Had => {
                tracing::info!(user = %user, "this mailbox had its sign-up bonus before");
                store.end_bonus_note(user).await?;
                return Ok(BonusOutcome::Ended);
            }
            BonusBooked::Closed => return Ok(BonusOutcome::Waits),
            BonusBooked::DayIsFull => {
                tracing::warn!(user = %user, "the day has given all its sign-up bonuses; this one waits");
                metrics::gauge(app, "BonusesWaiting", 1);
                return Ok(BonusOutcome::DayIsFull);
            }
            BonusBooked::WalletMoved(moved) => wallet = moved,
            BonusBooked::Busy => wallet = store.wallet(&tenant).await?,
        }
    }
    Err(Fault::new("booking a sign-up bonus", Refusal::Busy))
}
