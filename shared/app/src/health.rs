//! Whether everything that Velro stands on answers.

use std::time::Duration;

use aws::Fault;

use crate::App;

/// How long a part may take to answer before it counts as down.
const PATIENCE: Duration = Duration::from_secs(3);

/// Which parts answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// DynamoDB.
    pub database: bool,
    /// SQS.
    pub queue: bool,
    /// S3.
    pub storage: bool,
}

impl Health {
    /// Whether all of them do.
    #[must_use]
    pub fn is_ok(self) -> bool {
        self.database && self.queue && self.storage
    }
}

/// Asks every part, all at once.
pub async fn check(app: &App) -> Health {
    let (database, queue, storage) = tokio::join!(
        answers(app.store().check()),
        answers(app.queue().check()),
        answers(app.blobs().check())
    );
    Health {
        database,
        queue,
        storage,
    }
}

async fn answers(check: impl Future<Output = Result<(), Fault>>) -> bool {
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(())) => true,
        Ok(Err(fault)) => {
            tracing::warn!(fault = fault.chain(), "a part does not answer");
            false
        }
        Err(_) => {
            tracing::warn!("a part did not answer in time");
            false
        }
    }
}
