//! Giving users who have earned one a usage-plan key of their own, and taking it back when they have been
//! idle for long.
//!
//! A user earns a key by verifying their e-mail and making calls: the authorizer tells the worker once a
//! day. A change of plan leaves a note in its own transaction, and so does each key, for the time at which
//! its user will have been idle for long. The worker makes the keys agree with the present state. It may be
//! told once or ten times, in any order, and may be killed at any point. Until a key is ready, its user is
//! counted by one of the keys that their plan shares.

use std::time::Duration;

use aws::Fault;
use domain::Timestamp;
use domain::accounts::User;
use domain::ids::UserId;
use domain::plans::RETIRED_AFTER;
use domain::time::Day;
use domain::usage_keys::{
    KeyNote, UsagePlan, dedicated_key, earns_key, idle_at, key_value, shared_key_number,
    shared_key_value,
};
use plans::{KeyMade, UsageKey};
use queue::LookAtKeys;
use store::System;

use crate::shared_keys::{self, PACE};
use crate::{App, Error, clock};

/// The time that a request waits for the queue. If the message fails, the note reaches the worker a minute
/// later.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);
/// The time that a note may be due before its message counts as lost.
const OVERDUE_AFTER: Duration = Duration::from_secs(60);
/// The time until a note whose message was sent again may be sent once more.
const SENT_AGAIN_AFTER: Duration = Duration::from_secs(240);
/// The most overdue notes that one run of the sweep sends.
const OVERDUE_MAX: i32 = 50;
/// The most changes of a plan that one message follows. After these, its note stays.
const TURNS_MAX: u32 = 3;

/// The outcome of a look at a user's keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageKeyOutcome {
    /// Whether it must be done again: API Gateway was asked too fast, or the plan kept changing.
    pub again: bool,
    /// The number of keys that there are now, if it changed.
    pub keys: Option<i64>,
}

/// Returns the value of the key that a user is counted by: their own, or one that their plan shares.
///
/// # Errors
/// A fault if the number of shared keys cannot be read.
pub(crate) async fn usage_key(app: &App, user: &User) -> Result<String, Fault> {
    if let Some(own) = dedicated_key(user) {
        return Ok(own);
    }
    let number = shared_key_number(&user.id, app.shared_keys_ready().await?);
    let prefix = &app.config.shared_keys.prefix;
    Ok(shared_key_value(prefix, user.plan, number))
}

/// Notes once a day that a user made a call, if that can earn them a key, and asks the worker for a key if
/// they have none. A failure keeps nobody out: the next call tries again.
pub(crate) async fn saw(app: &App, user: &User) {
    let today = Day::from(clock::now());
    if !user.email_verified || user.seen_on >= Some(today) {
        return;
    }
    // The message is sent first: a user whose call is noted is not looked at again on that day.
    if !user.term.is_keyed() {
        let user_id = user.id.clone();
        if !send(app, &user.id, &LookAtKeys::Seen { user_id }).await {
            return;
        }
    }
    if let Err(fault) = app.store().saw_user(&user.id, today).await {
        tracing::warn!(user = %user.id, fault = fault.chain(), "a call was not noted");
    }
}

/// Asks the worker to look at a note soon. Without this it does so later.
pub(crate) async fn tell(app: &App, note: &KeyNote) {
    let _ = send(app, &note.user, &message(note)).await;
}

async fn send(app: &App, user: &UserId, message: &LookAtKeys) -> bool {
    let sent = tokio::time::timeout(QUEUE_TIMEOUT, app.queue().look_at_keys(message)).await;
    let problem = match sent {
        Ok(Ok(())) => return true,
        Ok(Err(fault)) => fault.chain(),
        Err(_) => "the queue did not answer in time".to_owned(),
    };
    tracing::warn!(%user, problem, "a usage-plan key is made later");
    false
}

fn message(note: &KeyNote) -> LookAtKeys {
    LookAtKeys::Noted {
        user_id: note.user.clone(),
        due_at_ms: note.due_at.ms(),
    }
}

/// Sends again the notes whose message was lost, or whose time has come, and returns their number. Each is
/// postponed first, so that a worker that was away does not meet a flood when it comes back.
///
/// # Errors
/// A fault if they could not be read or sent. The notes stay.
pub async fn send_overdue(app: &App) -> Result<usize, Error> {
    let now = clock::now();
    let until = now.minus(OVERDUE_AFTER);
    let notes = app.store().key_notes(System, until, OVERDUE_MAX).await?;
    for note in &notes {
        let due_at = now.plus(SENT_AGAIN_AFTER);
        let postponed = app.store().postpone_key_note(System, note, due_at);
        if let Some(note) = postponed.await? {
            app.queue().look_at_keys(&message(&note)).await?;
        }
    }
    Ok(notes.len())
}

/// Does what a message asks for. Doing it again is harmless.
///
/// # Errors
/// A fault if something did not work, or the message cannot be read.
pub async fn look(app: &App, message: LookAtKeys) -> Result<UsageKeyOutcome, Error> {
    match message {
        LookAtKeys::Noted { user_id, due_at_ms } => {
            let note = KeyNote {
                user: user_id.clone(),
                due_at: Timestamp::from_ms(due_at_ms),
            };
            look_at(app, &user_id, Some(&note)).await
        }
        LookAtKeys::Seen { user_id } => {
            // The call is noted after the message is sent.
            let today = Day::from(clock::now());
            app.store().saw_user(&user_id, today).await?;
            look_at(app, &user_id, None).await
        }
        LookAtKeys::Shared => Ok(UsageKeyOutcome {
            again: false,
            keys: shared_keys::make_missing(app).await?,
        }),
    }
}

/// Makes the keys of a user agree with their plan: one key, in its usage plan; none for
/// somebody who is gone or has not earned it. The note ends when that is so; if something
/// remains to be done there is one in the end.
async fn look_at(
    app: &App,
    user: &UserId,
    note: Option<&KeyNote>,
) -> Result<UsageKeyOutcome, Error> {
    let began_at = clock::now();
    let mut looked = UsageKeyOutcome::default();
    for _ in 0..TURNS_MAX {
        let Some(user) = app.store().user(user).await? else {
            retire(app, user, None, &mut looked).await?;
            note_next(app, user, note, None).await?;
            return Ok(looked);
        };
        let later = match agree(app, &user, &mut looked).await? {
            Agreed::Yes => None,
            Agreed::Later(at) => Some(at),
            Agreed::PlanChanged => continue,
            Agreed::TooFast => break,
        };
        note_next(app, &user.id, note, later).await?;
        clock::wait_until(began_at.plus(PACE)).await;
        return Ok(looked);
    }
    looked.again = true;
    Ok(looked)
}

/// Ends `note`, or sets it to be due at `later`. If there was no note, it makes one for `later`.
async fn note_next(
    app: &App,
    user: &UserId,
    note: Option<&KeyNote>,
    later: Option<Timestamp>,
) -> Result<(), Fault> {
    let store = app.store();
    match (note, later) {
        (None, None) => Ok(()),
        (Some(note), None) => store.end_key_note(System, note).await,
        (Some(note), Some(at)) => store.postpone_key_note(System, note, at).await.map(drop),
        (None, Some(due_at)) => {
            let user = user.clone();
            store.put_key_note(System, &KeyNote { user, due_at }).await
        }
    }
}

/// The agreement of a user's keys with their plan.
enum Agreed {
    /// They agree.
    Yes,
    /// Something is left to do at this time.
    Later(Timestamp),
    /// The plan was changed meanwhile, or the key was given back.
    PlanChanged,
    /// API Gateway was asked too fast.
    TooFast,
}

/// The state of the present term's key.
enum Keyed {
    /// The key is ready.
    Yes,
    /// It may not be used before this time.
    SettlesAt(Timestamp),
    /// There is no key left.
    OutOfStock,
    /// API Gateway was asked too fast.
    TooFast,
    /// The term ended meanwhile.
    PlanChanged,
}

async fn agree(app: &App, user: &User, looked: &mut UsageKeyOutcome) -> Result<Agreed, Fault> {
    let (term, now) = (&user.term, clock::now());
    let value = key_value(&user.id, term.number);
    // The old keys are deleted before the new key is made, which may need the room.
    if term.number > 0 && term.is_settled(now) {
        retire(app, &user.id, Some(&value), looked).await?;
    }
    let mut later = None;
    if term.is_keyed() {
        if !earns_key(user, now) {
            app.store().give_key_back(System, user, now).await?;
            return Ok(Agreed::PlanChanged);
        }
        later = idle_at(user);
    } else if earns_key(user, now) {
        match make(app, user, &value, looked).await? {
            Keyed::Yes => later = idle_at(user),
            Keyed::SettlesAt(at) => later = Some(at),
            Keyed::TooFast => return Ok(Agreed::TooFast),
            Keyed::PlanChanged => return Ok(Agreed::PlanChanged),
            // Their next call tomorrow tries again.
            Keyed::OutOfStock => {
                tracing::warn!(user = %user.id, "there is no usage-plan key left; they share their plan's");
            }
        }
    }
    if term.number > 0 && !term.is_settled(now) {
        let retires_at = term.since.plus(RETIRED_AFTER);
        later = Some(later.map_or(retires_at, |at: Timestamp| at.min(retires_at)));
    }
    Ok(later.map_or(Agreed::Yes, Agreed::Later))
}

/// Makes the key of a user's present term, enters it in their plan, and notes that it is ready once every
/// part of API Gateway had the time to hear of it: before that, whoever came with it would be refused.
async fn make(
    app: &App,
    user: &User,
    value: &str,
    looked: &mut UsageKeyOutcome,
) -> Result<Keyed, Fault> {
    let (plans, now) = (app.plans()?, clock::now());
    let made = plans.make(user.id.as_str(), value, now).await?;
    if let KeyMade::New(_) = &made {
        looked.keys = Some(app.store().count_keys(System, 1).await?);
    }
    let key = match made {
        KeyMade::New(key) | KeyMade::Before(key) => key,
        KeyMade::OutOfStock => return Ok(Keyed::OutOfStock),
        KeyMade::TooFast => return Ok(Keyed::TooFast),
    };
    plans.enter(&key, UsagePlan::Own(user.plan)).await?;
    let settles_at = key.made_at.plus(app.config.key_settles_after);
    if now < settles_at {
        return Ok(Keyed::SettlesAt(settles_at));
    }
    let term = user.term.number;
    let is_ready = app.store().key_is_ready(System, &user.id, term).await?;
    Ok(if is_ready {
        Keyed::Yes
    } else {
        Keyed::PlanChanged
    })
}

/// Deletes the keys of a user, except the one with this value.
async fn retire(
    app: &App,
    user: &UserId,
    but: Option<&str>,
    looked: &mut UsageKeyOutcome,
) -> Result<(), Fault> {
    let plans = app.plans()?;
    let keys = plans.keys_of(user.as_str()).await?.into_iter();
    for key in keys.filter(|key: &UsageKey| Some(key.value.as_str()) != but) {
        if plans.delete(&key).await? {
            looked.keys = Some(app.store().count_keys(System, -1).await?);
        }
    }
    Ok(())
}
