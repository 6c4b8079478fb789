//! Limits to what may be tried.

use std::time::Duration;

use domain::Refusal;
use domain::attempts::Attempt;
use store::Counted;

use crate::{App, Error, clock};

/// The first pause between two looks at a limit that was reached by attempts which may be taken back; it doubles up to
/// [`LOOK_PAUSE_MAX`]. Each look is a write, of which one count takes a thousand a second.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two looks.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(800);

/// Counts an attempt before it is looked at, so that no number of them at once gets more than the limit. Where the limit
/// is reached by attempts that may still be taken back, it waits for them and looks again: of many right sign-ins at the
/// same moment, none is refused for the others, while wrong ones never make room.
///
/// # Errors
/// [`Refusal::RateLimited`] if there were too many.
pub(crate) async fn count(app: &App, attempt: Attempt<'_>) -> Result<(), Error> {
    if !is_limited(app, attempt) {
        return Ok(());
    }
    let limit = attempt.limit();
    let give_up_at = clock::now().plus(attempt.under_way());
    let mut pause = LOOK_PAUSE_MIN;
    loop {
        let now = clock::now();
        let (began_at, last_at) = match app.store().count(attempt, now).await? {
            Counted::Within => return Ok(()),
            Counted::Full { began_at, last_at } => (began_at, last_at),
        };
        if now >= give_up_at || now >= last_at.plus(attempt.under_way()) {
            let retry_after = began_at.plus(limit.window).since(now).min(limit.window);
            return Err(Refusal::RateLimited { retry_after }.into());
        }
        clock::pause(pause).await;
        pause = (pause * 2).min(LOOK_PAUSE_MAX);
    }
}

/// Takes an attempt back that was none of those that are limited.
///
/// # Errors
/// A fault if it could not be written.
pub(crate) async fn take_back(app: &App, attempt: Attempt<'_>) -> Result<(), Error> {
    if is_limited(app, attempt) {
        app.store().take_back(attempt).await?;
    }
    Ok(())
}

fn is_limited(app: &App, attempt: Attempt<'_>) -> bool {
    app.config.source_limits || !attempt.is_by_source()
}
