//! Asking for a generation, looking at one's own, and what becomes of it afterwards.

mod cancel;
mod edit;
mod open;

use std::time::Duration;

use domain::accounts::Caller;
use domain::generations::{Filter, Generation, Output, Stats};
use domain::ids::{GenerationId, Tenant};
use domain::{Refusal, Timestamp};
use store::Cursor;

pub use cancel::{Canceled, cancel};
pub use edit::{delete, relabel};
pub use open::{Key, Submitted, submit};
pub(crate) use open::{check_references, lane};

use crate::{App, Error, clock};

/// How long signed media URLs live unless the client says otherwise.
pub const MEDIA_EXPIRY_DEFAULT: Duration = Duration::from_secs(3_600);
/// The first pause between two looks at a job that somebody waits for; it doubles up to [`LOOK_PAUSE_MAX`].
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two looks.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(800);

/// A generation with URLs that show its outputs.
#[derive(Debug)]
pub struct Shown {
    /// The record.
    pub generation: Generation,
    /// One URL for each output, in order.
    pub urls: Vec<String>,
    /// When the URLs stop working.
    pub expires_at: Timestamp,
    /// When they were made.
    pub now: Timestamp,
}

/// Signs what `generation` delivered.
///
/// # Errors
/// A fault if there is nothing to sign with.
pub async fn show(app: &App, generation: Generation, expiry: Duration) -> Result<Shown, Error> {
    let now = clock::now();
    let sign = |output: &Output| {
        let key = output.key.clone();
        async move { app.blobs().media_url(&key, expiry).await }
    };
    let urls = futures::future::try_join_all(generation.outputs.iter().map(sign)).await?;
    Ok(Shown {
        generation,
        urls,
        expires_at: now.plus(expiry),
        now,
    })
}

/// The caller's own generation.
///
/// # Errors
/// [`Refusal::NotFound`] if they have none with this id.
pub async fn get(app: &App, caller: &Caller, id: &GenerationId) -> Result<Generation, Error> {
    let tenant = Tenant::User(caller.user.clone());
    app.store()
        .generation(&tenant, id)
        .await?
        .ok_or(Error::Refused(Refusal::NotFound("generation")))
}

/// A page of generations, newest first.
#[derive(Debug)]
pub struct List {
    /// The generations.
    pub shown: Vec<Shown>,
    /// What to send for the next page, if there may be one.
    pub next_cursor: Option<String>,
}

/// A page of the caller's own generations, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: &Filter,
    cursor: Option<&str>,
    limit: u32,
) -> Result<List, Error> {
    let tenant = Tenant::User(caller.user.clone());
    let binding = format!("{tenant}/generations/{filter:?}");
    let after = cursor
        .map(|text| Cursor::open(text, &binding))
        .transpose()?;
    let page = app
        .store()
        .generations(&tenant, filter, after.as_ref(), limit)
        .await?;
    let shown = page
        .generations
        .into_iter()
        .map(|generation| show(app, generation, MEDIA_EXPIRY_DEFAULT));
    let shown = futures::future::try_join_all(shown).await?;
    Ok(List {
        shown,
        next_cursor: page.next.map(|next| next.seal(&binding)),
    })
}

/// Sums over the caller's newest generations, and whether those are all that they have.
///
/// # Errors
/// A fault if they cannot be read.
pub async fn stats(app: &App, caller: &Caller) -> Result<(Stats, bool), Error> {
    let tenant = Tenant::User(caller.user.clone());
    Ok(app.store().generation_stats(&tenant).await?)
}

/// Waits for a generation to come to rest, at most `patience`; answers it as it is then.
///
/// # Errors
/// A fault if it cannot be read.
async fn wait(app: &App, generation: Generation, patience: Duration) -> Result<Generation, Error> {
    let deadline = clock::now().plus(patience);
    let mut seen = generation;
    let mut pause = LOOK_PAUSE_MIN;
    while !seen.state.is_final() && clock::now() < deadline {
        tokio::time::sleep(pause.min(deadline.since(clock::now()))).await;
        pause = (pause * 2).min(LOOK_PAUSE_MAX);
        if let Some(now) = app.store().generation(&seen.tenant, &seen.id).await? {
            seen = now;
        }
    }
    Ok(seen)
}
