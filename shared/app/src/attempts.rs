//! Limits on attempts.

use std::time::Duration;

use aws::Fault;
use domain::Refusal;
use domain::accounts::Email;
use domain::attempts::{Attempt, Source};
use store::CountOutcome;

use crate::{App, Error, clock};

/// The first pause between two looks at a full limit, if some of its attempts may still be taken back. The
/// pause doubles up to [`LOOK_PAUSE_MAX`]. Each look is a write, and one count takes a thousand writes a
/// second.
const LOOK_PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two looks.
const LOOK_PAUSE_MAX: Duration = Duration::from_millis(800);

/// Counts an attempt before it is carried out, so that parallel attempts do not get past the limit. If the
/// limit is full of attempts that may still be taken back, it waits for them and looks again. So correct
/// sign-ins at the same moment do not get each other refused, and wrong ones never make room.
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
            CountOutcome::Within => return Ok(()),
            CountOutcome::Full { began_at, last_at } => (began_at, last_at),
        };
        if now >= give_up_at || now >= last_at.plus(attempt.under_way()) {
            let retry_after = began_at.plus(limit.window).since(now).min(limit.window);
            return Err(Refusal::RateLimited { retry_after }.into());
        }
        clock::pause(pause).await;
        pause = (pause * 2).min(LOOK_PAUSE_MAX);
    }
}

/// Takes back an attempt that turned out not to count.
///
/// # Errors
/// A fault if it could not be written.
pub(crate) async fn take_back(app: &App, attempt: Attempt<'_>) -> Result<(), Fault> {
    if is_limited(app, attempt) {
        app.store().take_back(attempt).await?;
    }
    Ok(())
}

fn is_limited(app: &App, attempt: Attempt<'_>) -> bool {
    app.config.source_limits || !attempt.is_by_source()
}

/// Counts a sign-in by its source, before the counts that other sources share.
///
/// # Errors
/// [`Refusal::RateLimited`] if there were too many from this source.
pub(crate) async fn count_source(app: &App, email: &Email, source: &Source) -> Result<(), Error> {
    let as_this = Attempt::SignInAs(email, source);
    let (by_source, by_email) =
        tokio::join!(count(app, Attempt::SignInFrom(source)), count(app, as_this));
    if by_source.is_err() && by_email.is_ok() {
        // Its password is not checked, so it does not count against the e-mail.
        take_back(app, as_this).await?;
    }
    by_source.and(by_email)
}

/// Counts a sign-in as `email` from all sources together, before its password is checked. This limit does
/// not apply to a source from which this e-mail was signed in before, so guesses from elsewhere do not lock
/// the owner out.
///
/// # Errors
/// [`Refusal::RateLimited`] if there were too many.
pub(crate) async fn count_anywhere(app: &App, email: &Email, source: &Source) -> Result<(), Error> {
    match count(app, Attempt::SignInAnywhere(email)).await {
        Err(Error::Refused(Refusal::RateLimited { retry_after })) => {
            let now = clock::now();
            if app.store().knows_source(email, source, now).await? {
                return Ok(());
            }
            Err(Refusal::RateLimited { retry_after }.into())
        }
        other => other,
    }
}

/// Clears the counts of a sign-in that succeeded, and remembers its source.
///
/// # Errors
/// A fault if it could not be written.
pub(crate) async fn signed_in(app: &App, email: &Email, source: &Source) -> Result<(), Fault> {
    let store = app.store();
    tokio::try_join!(
        store.forget(Attempt::SignInAs(email, source)),
        store.take_back(Attempt::SignInAnywhere(email)),
        store.know_source(email, source, clock::now()),
        take_back(app, Attempt::SignInFrom(source)),
    )?;
    Ok(())
}
