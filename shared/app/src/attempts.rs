//! Limits to what may be tried.

use domain::attempts::Attempt;
use domain::{Refusal, Timestamp};

use crate::{App, Error};

/// Counts an attempt before it is looked at, so that no number of them at once gets more than the limit.
///
/// # Errors
/// [`Refusal::RateLimited`] if there were too many.
pub(crate) async fn count(app: &App, attempt: Attempt<'_>, now: Timestamp) -> Result<(), Error> {
    if !is_limited(app, attempt) {
        return Ok(());
    }
    let limit = attempt.limit();
    let (attempts, began) = app.store().count(attempt, now).await?;
    if attempts > limit.most {
        let retry_after = began.plus(limit.window).since(now).min(limit.window);
        return Err(Refusal::RateLimited { retry_after }.into());
    }
    Ok(())
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
