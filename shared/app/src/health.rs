//! The health of everything that Velro depends on.

use std::time::Duration;

use aws::Fault;

use crate::App;

/// The time that a part may take to answer before it counts as down.
const PATIENCE: Duration = Duration::from_secs(3);

/// The parts that work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// DynamoDB.
    pub database: bool,
    /// SQS.
    pub queue: bool,
    /// S3.
    pub storage: bool,
    /// The provider, judged by its answers to submits.
    pub provider: bool,
}

impl HealthReport {
    /// Returns whether all of them work.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self.database && self.queue && self.storage && self.provider
    }
}

/// Asks every part, all at once.
pub async fn check(app: &App) -> HealthReport {
    let (breaker, queue, storage) = tokio::join!(
        answer(app.store().breaker()),
        answer(app.queue().check()),
        answer(app.blobs().check())
    );
    HealthReport {
        database: breaker.is_some(),
        queue: queue.is_some(),
        storage: storage.is_some(),
        // If the database does not answer, the breaker cannot be read, and only the database is reported as
        // down.
        provider: breaker.is_none_or(|breaker| breaker.open_until.is_none()),
    }
}

async fn answer<T>(check: impl Future<Output = Result<T, Fault>>) -> Option<T> {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(fault)) => {
            tracing::warn!(fault = fault.chain(), "a part does not answer");
            None
        }
        Err(_) => {
            tracing::warn!("a part did not answer in time");
            None
        }
    }
}
