//! The time and randomness. Only this module asks the operating system for either.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws::Fault;
use domain::Timestamp;

/// Returns the present moment.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Returns fresh randomness for an id.
///
/// # Errors
/// A [`Fault`] if the operating system has none.
pub fn entropy() -> Result<u128, Fault> {
    random().map(u128::from_le_bytes)
}

/// Returns fresh random bytes.
///
/// # Errors
/// A [`Fault`] if the operating system has none.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Fault::new("asking for randomness", error.to_string()))?;
    Ok(bytes)
}

/// Waits until that moment, or not at all if it is past.
pub(crate) async fn wait_until(at: Timestamp) {
    tokio::time::sleep(at.since(now())).await;
}

/// Waits before try `attempt` (from 0) of a write that another write conflicted with.
pub(crate) async fn back_off(attempt: u32) -> Result<(), Fault> {
    let random = u64::from_le_bytes(random()?);
    tokio::time::sleep(store::backoff(attempt, random)).await;
    Ok(())
}

/// Tries of a write that may conflict with others.
pub(crate) struct Tries {
    give_up_at: Timestamp,
    made: u32,
}

/// Returns tries for as long as this patience lasts. After each one the caller begins anew, from the state
/// that it reads or is given.
pub(crate) fn tries(patience: Duration) -> Tries {
    Tries {
        give_up_at: now().plus(patience),
        made: 0,
    }
}

impl Tries {
    /// Returns whether to try: at once the first time, then after a growing pause, and not any more when
    /// the patience is over.
    pub(crate) async fn again(&mut self) -> Result<bool, Fault> {
        if let Some(before) = self.made.checked_sub(1) {
            back_off(before).await?;
        }
        self.made += 1;
        Ok(now() < self.give_up_at)
    }
}

/// Waits before another look at something that may have changed meanwhile.
pub(crate) async fn pause(pause: Duration) {
    tokio::time::sleep(pause).await;
}
