//! Transactions: sending one, and reading why one was cancelled. The reasons come in the order of the actions.

use std::time::Duration;

use aws::Fault;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};

use crate::Store;
use crate::items::Item;

/// How often a transaction is sent whose last try is said to be under way: an answer comes long before.
const UNCLEAR_TRIES_MAX: u32 = 4;

/// What became of a transaction.
pub(crate) enum Outcome {
    /// All of it was written.
    Committed,
    /// None of it was: for each action, in order, why.
    Cancelled(Vec<Reason>),
    /// None of it was, because other writes were under way or capacity was short: the same may succeed later.
    Busy,
}

/// Why an action stood in the way.
#[derive(Debug)]
pub(crate) enum Reason {
    /// It did not.
    None,
    /// Its condition was not met; the item that was there, if it was asked for and there was one.
    Condition(Option<Item>),
}

impl Store {
    /// Commits `actions` together. Each try has the same request token, so that they commit once however often they are
    /// sent. Where the database says that an earlier try is still under way, it is asked again: that answer must not be
    /// taken for one that says that nothing was written.
    pub(crate) async fn transact(
        &self,
        doing: &'static str,
        actions: Vec<TransactWriteItem>,
    ) -> Result<Outcome, Fault> {
        let token = request_token()?;
        let mut tries = 1;
        loop {
            let sent = self
                .client
                .transact_write_items()
                .set_transact_items(Some(actions.clone()))
                .client_request_token(&token)
                .send()
                .await;
            let error = match sent {
                Ok(_) => return Ok(Outcome::Committed),
                Err(error) => error,
            };
            return match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    read_reasons(doing, cancelled.cancellation_reasons())
                }
                // The SDK has tried three times by then, and waited in between.
                Some(TransactWriteItemsError::TransactionInProgressException(_))
                    if tries < UNCLEAR_TRIES_MAX =>
                {
                    tries += 1;
                    continue;
                }
                Some(
                    TransactWriteItemsError::ProvisionedThroughputExceededException(_)
                    | TransactWriteItemsError::RequestLimitExceeded(_),
                ) => Ok(Outcome::Busy),
                Some(other) if other.code() == Some("ThrottlingException") => Ok(Outcome::Busy),
                Some(_) | None => Err(Fault::new(doing, error)),
            };
        }
    }
}

/// A name for one transaction and all tries of it (at most 36 characters).
fn request_token() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Fault::doing("making a request token"))?;
    Ok(hex::encode(bytes))
}

/// A condition that failed outweighs a conflict: it says something that a retry would not change.
fn read_reasons(doing: &'static str, reasons: &[CancellationReason]) -> Result<Outcome, Fault> {
    let mut busy = false;
    let mut read = Vec::with_capacity(reasons.len());
    for reason in reasons {
        read.push(match reason.code() {
            None | Some("None") => Reason::None,
            Some("ConditionalCheckFailed") => Reason::Condition(reason.item.clone()),
            Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => {
                busy = true;
                Reason::None
            }
            Some(code) => {
                let message = reason.message().unwrap_or_default();
                return Err(Fault::new(doing, format!("cancelled: {code} {message}")));
            }
        });
    }
    let failed = read
        .iter()
        .any(|reason| matches!(reason, Reason::Condition(_)));
    match (failed, busy) {
        (true, _) => Ok(Outcome::Cancelled(read)),
        (false, true) => Ok(Outcome::Busy),
        (false, false) => Err(Fault::new(doing, "cancelled for no stated reason")),
    }
}

/// How long to wait before try `attempt` (from 0) of something that another write stood in the way of: full jitter
/// under a ceiling that doubles from 5 ms to 160 ms.
pub fn backoff(attempt: u32, random: u64) -> Duration {
    let ceiling_ms = 5_u64 << attempt.min(5);
    Duration::from_millis(random % (ceiling_ms + 1))
}
