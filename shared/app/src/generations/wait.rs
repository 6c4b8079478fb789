//! Waiting for a generation to be finished, within the request that made it.
//!
//! A waiting request holds one of the account's executions, of which a new account has ten for everything.
//! So only a few requests may wait at the same time, and the others are answered at once.

use std::time::Duration;

use domain::attempts::Attempt;
use domain::generations::Generation;

use crate::{App, Error, attempts, clock};

/// The first pause between two looks at a job that a request waits for. It doubles up to
/// [`LOOK_PAUSE_MAX`].
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two looks.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(800);

/// Returns whether one more request may wait now. If that cannot be found out, it may not.
pub(super) async fn begin(app: &App) -> bool {
    match attempts::count(app, attempt(app)).await {
        Ok(()) => true,
        Err(Error::Refused(_)) => false,
        Err(Error::Faulted(fault)) => {
            tracing::warn!(fault = fault.chain(), "a request does not wait");
            false
        }
    }
}

/// Frees the place of a request that waits no longer. If that fails, the place becomes free at the end of
/// its time.
pub(super) async fn end(app: &App) {
    if let Err(fault) = attempts::take_back(app, attempt(app)).await {
        tracing::warn!(fault = fault.chain(), "a place to wait in stays taken");
    }
}

fn attempt(app: &App) -> Attempt<'static> {
    Attempt::Wait(app.config.waiting_executions_max)
}

/// Waits for a generation to come to rest, at most for `patience`. Returns it as it was last seen. It is
/// open by then, so a look that fails does not fail the request.
pub(super) async fn wait(app: &App, generation: Generation, patience: Duration) -> Generation {
    let deadline = clock::now().plus(patience);
    let mut seen = generation;
    let mut pause = LOOK_PAUSE_MIN;
    while !seen.state.is_final() && clock::now() < deadline {
        clock::pause(pause.min(deadline.since(clock::now()))).await;
        pause = (pause * 2).min(LOOK_PAUSE_MAX);
        match app.store().generation(&seen.tenant, &seen.id).await {
            Ok(Some(now)) => seen = now,
            Ok(None) => {}
            Err(fault) => {
                tracing::warn!(generation = %seen.id, fault = fault.chain(), "a look at a job failed");
            }
        }
    }
    seen
}
