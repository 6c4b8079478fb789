//! Giving each user a usage-plan key of their own.
//!
//! What may ask for another key leaves a note in its own transaction, and a worker makes the keys agree with how things
//! are then: it may be told once or ten times, in any order, and be killed anywhere. Until a key is ready, its user is
//! counted by the one that everybody on their plan shares.

use std::time::Duration;

use ::plans::{Key, Made};
use aws::Fault;
use domain::Timestamp;
use domain::accounts::User;
use domain::ids::UserId;
use domain::plans::{KeyNote, RETIRED_AFTER, key_value};
use queue::LookAtKeys;
use store::System;

use crate::{App, Error, clock};

/// How long a request waits for the queue: without it, the note comes to the worker a minute later.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);
/// The least time that making a key takes. API Gateway makes five a second for an account; two workers make four.
const PACE: Duration = Duration::from_millis(500);
/// How long a note may be due before its message counts as lost.
const OVERDUE_AFTER: Duration = Duration::from_secs(60);
/// When a note whose message was sent again may be sent once more.
const SENT_AGAIN_AFTER: Duration = Duration::from_secs(240);
/// When it is tried again to get a key for somebody for whom there was none left.
const STOCK_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// How many overdue notes one run of the sweep sends.
const OVERDUE_MAX: i32 = 50;
/// How often one message follows a plan that keeps changing; its note stays then.
const TURNS_MAX: u32 = 3;

/// What a look at a user's keys came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Whether it must be done again: API Gateway was asked too fast, or the plan kept changing.
    pub again: bool,
    /// How many users have a key of their own now, if that changed.
    pub keys: Option<i64>,
}

/// Has the worker look at a note soon. It does so without this too, only later.
pub(crate) async fn tell(app: &App, note: &KeyNote) {
    let message = message(note);
    let sent = tokio::time::timeout(QUEUE_TIMEOUT, app.queue().look_at_keys(&message)).await;
    let problem = match sent {
        Ok(Ok(())) => return,
        Ok(Err(fault)) => fault.chain(),
        Err(_) => "the queue did not answer in time".to_owned(),
    };
    tracing::warn!(user = %note.user, problem, "a usage-plan key is left to the sweep");
}

fn message(note: &KeyNote) -> LookAtKeys {
    LookAtKeys {
        user_id: note.user.to_string(),
        due_at_ms: note.due_at.ms(),
    }
}

/// Sends the notes again whose message was lost, or whose time came; how many. Each is postponed first, so that a worker
/// that is away does not meet a flood when it comes back.
///
/// # Errors
/// A fault if they could not be read or sent; they stay.
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

/// Makes the keys of a user agree with their plan: one key, in its usage plan; none for somebody who is gone. The note
/// ends when that is so.
///
/// # Errors
/// A fault if something did not work; the note stays, and doing everything again is harmless.
pub async fn look(app: &App, note: &KeyNote) -> Result<Looked, Error> {
    let began_at = clock::now();
    let mut looked = Looked::default();
    for _ in 0..TURNS_MAX {
        let Some(user) = app.store().user(&note.user).await? else {
            retire(app, &note.user, None, &mut looked).await?;
            app.store().end_key_note(System, note).await?;
            return Ok(looked);
        };
        let later = match agree(app, &user, &mut looked).await? {
            Agreed::Yes => None,
            Agreed::Later(at) => Some(at),
            Agreed::PlanChanged => continue,
            Agreed::TooFast => break,
        };
        match later {
            None => app.store().end_key_note(System, note).await?,
            Some(at) => drop(app.store().postpone_key_note(System, note, at).await?),
        }
        clock::wait_until(began_at.plus(PACE)).await;
        return Ok(looked);
    }
    looked.again = true;
    Ok(looked)
}

/// Whether a user's keys agree with their plan.
enum Agreed {
    /// They do.
    Yes,
    /// Something is left to do from then on.
    Later(Timestamp),
    /// The plan was changed meanwhile.
    PlanChanged,
    /// API Gateway was asked too fast.
    TooFast,
}

/// Whether the present term has its key.
enum Keyed {
    /// It has.
    Yes,
    /// It may not be named before then.
    SettlesAt(Timestamp),
    /// There is none left.
    OutOfStock,
    /// API Gateway was asked too fast.
    TooFast,
    /// The term ended meanwhile.
    PlanChanged,
}

async fn agree(app: &App, user: &User, looked: &mut Looked) -> Result<Agreed, Fault> {
    let (term, now) = (&user.term, clock::now());
    let value = key_value(&user.id, term.number);
    // Before the new key is made: it may need the room.
    if term.number > 0 && term.is_settled(now) {
        retire(app, &user.id, Some(&value), looked).await?;
    }
    let mut later = None;
    if !term.is_keyed() {
        match make(app, user, &value, looked).await? {
            Keyed::Yes => {}
            Keyed::SettlesAt(at) => later = Some(at),
            Keyed::TooFast => return Ok(Agreed::TooFast),
            Keyed::PlanChanged => return Ok(Agreed::PlanChanged),
            Keyed::OutOfStock => {
                tracing::warn!(user = %user.id, "there is no usage-plan key left; they share their plan's");
                later = Some(now.plus(STOCK_AFTER));
            }
        }
    }
    if term.number > 0 && !term.is_settled(now) {
        let retires_at = term.since.plus(RETIRED_AFTER);
        later = Some(later.map_or(retires_at, |at: Timestamp| at.min(retires_at)));
    }
    Ok(later.map_or(Agreed::Yes, Agreed::Later))
}

/// Makes the key of a user's present term, enters it in their plan, and notes that it is ready once every part of API
/// Gateway had the time to hear of it: before that, whoever came with it would be refused.
async fn make(app: &App, user: &User, value: &str, looked: &mut Looked) -> Result<Keyed, Fault> {
    let (plans, now) = (app.plans()?, clock::now());
    let made = plans.make(&user.id, value, now).await?;
    if let Made::New(_) = &made {
        looked.keys = Some(app.store().count_keys(System, 1).await?);
    }
    let key = match made {
        Made::New(key) | Made::Before(key) => key,
        Made::OutOfStock => return Ok(Keyed::OutOfStock),
        Made::TooFast => return Ok(Keyed::TooFast),
    };
    plans.enter(&key, user.plan).await?;
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

/// Deletes the keys of a user, but for the one with this value.
async fn retire(
    app: &App,
    user: &UserId,
    but: Option<&str>,
    looked: &mut Looked,
) -> Result<(), Fault> {
    let plans = app.plans()?;
    let keys = plans.keys_of(user).await?.into_iter();
    for key in keys.filter(|key: &Key| Some(key.value.as_str()) != but) {
        if plans.delete(&key).await? {
            looked.keys = Some(app.store().count_keys(System, -1).await?);
        }
    }
    Ok(())
}
