//! Transactions: naming their parts, sending them, and reading which parts were refused.
//!
//! Owns the pairing of each part with the reason for its refusal, which the database returns by position.
//! Refuses to know what a part is for.

use std::time::Duration;

use aws::Fault;
use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata as _};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::{
    ConditionCheckBuilder, DeleteBuilder, PutBuilder, UpdateBuilder,
};
use aws_sdk_dynamodb::types::{CancellationReason, TransactWriteItem};

use crate::Store;
use crate::items::Item;

/// The most times that a transaction is sent while the database says that an earlier attempt is still in
/// progress. An answer arrives long before that.
const UNCLEAR_TRIES_MAX: u32 = 4;

/// The item that a part of a transaction writes or checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Account,
    AlertNote,
    Allowance,
    ApiKey,
    AuditHead,
    AuditRecord,
    BonusDay,
    BonusNote,
    Checkout,
    ContentRefusals,
    Credential,
    Entry,
    ErasureNote,
    File,
    FileCount,
    FileNote,
    Generation,
    Grant,
    IdempotencyKey,
    Invitation,
    InvitationMark,
    KeyNote,
    MailedToken,
    Mailbox,
    Member,
    MemberCount,
    Offers,
    OwnAddress,
    Payment,
    Project,
    ProjectCount,
    Promo,
    Session,
    Share,
    Spending,
    Style,
    StyleCount,
    Team,
    Wallet,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEndpoints,
    WebhookSecret,
}

/// A transaction that is being put together.
pub(crate) struct WriteTransaction {
    doing: &'static str,
    parts: Vec<Part>,
    actions: Vec<TransactWriteItem>,
    /// The error of a part that could not be built. It is reported when the transaction is committed.
    broken: Option<BuildError>,
}

impl WriteTransaction {
    /// Creates a transaction without parts; `doing` names it in faults ("opening a job").
    pub(crate) fn new(doing: &'static str) -> Self {
        Self {
            doing,
            parts: Vec::new(),
            actions: Vec::new(),
            broken: None,
        }
    }

    /// Adds a part.
    pub(crate) fn add(&mut self, part: Part, write: impl Into<PartAction>) {
        match write.into().build() {
            Ok(action) => {
                self.parts.push(part);
                self.actions.push(action);
            }
            Err(error) => self.broken = Some(error),
        }
    }
}

/// The action of a part.
pub(crate) enum PartAction {
    Put(PutBuilder),
    Update(UpdateBuilder),
    Delete(DeleteBuilder),
    Check(ConditionCheckBuilder),
}

impl PartAction {
    fn build(self) -> Result<TransactWriteItem, BuildError> {
        let action = TransactWriteItem::builder();
        let action = match self {
            Self::Put(put) => action.put(put.build()?),
            Self::Update(update) => action.update(update.build()?),
            Self::Delete(delete) => action.delete(delete.build()?),
            Self::Check(check) => action.condition_check(check.build()?),
        };
        Ok(action.build())
    }
}

impl From<PutBuilder> for PartAction {
    fn from(put: PutBuilder) -> Self {
        Self::Put(put)
    }
}

impl From<UpdateBuilder> for PartAction {
    fn from(update: UpdateBuilder) -> Self {
        Self::Update(update)
    }
}

impl From<DeleteBuilder> for PartAction {
    fn from(delete: DeleteBuilder) -> Self {
        Self::Delete(delete)
    }
}

impl From<ConditionCheckBuilder> for PartAction {
    fn from(check: ConditionCheckBuilder) -> Self {
        Self::Check(check)
    }
}

/// The outcome of a transaction.
pub(crate) enum Commit {
    /// All parts were written.
    Done,
    /// No part was written, because the conditions of these parts were not met.
    Refused(Refused),
    /// No part was written, because other writes were under way or capacity was short. The same may succeed
    /// later.
    Busy,
}

/// The parts whose conditions were not met, each with the stored item, if it was asked for and exists.
#[derive(Debug)]
pub(crate) struct Refused(Vec<(Part, Option<Item>)>);

impl Refused {
    /// Returns whether this part's condition was not met.
    pub(crate) fn has(&self, part: Part) -> bool {
        self.0.iter().any(|(refused, _)| *refused == part)
    }

    /// Takes out the stored item that this part's condition was checked against.
    pub(crate) fn item(&mut self, part: Part) -> Option<Item> {
        let found = self.0.iter_mut().find(|(refused, _)| *refused == part);
        found.and_then(|(_, item)| item.take())
    }

    /// Returns the refusals of other parts than these; `None` if there are none.
    pub(crate) fn without(mut self, parts: &[Part]) -> Option<Self> {
        self.0.retain(|(refused, _)| !parts.contains(refused));
        (!self.0.is_empty()).then_some(self)
    }
}

impl Store {
    /// Commits a transaction. All attempts have the same request token, so it is committed only once,
    /// however often it is sent. If the database says that an earlier attempt is still in progress, it is
    /// asked again, because that answer does not mean that nothing was written.
    pub(crate) async fn commit(&self, transaction: WriteTransaction) -> Result<Commit, Fault> {
        let WriteTransaction {
            doing,
            parts,
            actions,
            broken,
        } = transaction;
        if let Some(broken) = broken {
            return Err(Fault::new(doing, broken));
        }
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
                Ok(_) => return Ok(Commit::Done),
                Err(error) => error,
            };
            return match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    read_reasons(doing, &parts, cancelled.cancellation_reasons())
                }
                // By then, the SDK has tried three times, with pauses in between.
                Some(TransactWriteItemsError::TransactionInProgressException(_))
                    if tries < UNCLEAR_TRIES_MAX =>
                {
                    tries += 1;
                    continue;
                }
                Some(
                    TransactWriteItemsError::ProvisionedThroughputExceededException(_)
                    | TransactWriteItemsError::RequestLimitExceeded(_),
                ) => Ok(Commit::Busy),
                Some(other) if other.code() == Some("ThrottlingException") => Ok(Commit::Busy),
                Some(_) | None => Err(Fault::new(doing, error)),
            };
        }
    }
}

/// Returns a new name for one transaction and all of its attempts (at most 36 characters).
fn request_token() -> Result<String, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(Fault::doing("making a request token"))?;
    Ok(hex::encode(bytes))
}

/// Reads which parts were refused. The reasons come in the order of the parts. A condition that was not met
/// takes precedence over a conflict, because a retry would not change it.
fn read_reasons(
    doing: &'static str,
    parts: &[Part],
    reasons: &[CancellationReason],
) -> Result<Commit, Fault> {
    let mut busy = false;
    let mut refused = Vec::new();
    for (part, reason) in parts.iter().zip(reasons) {
        match reason.code() {
            None | Some("None") => {}
            Some("ConditionalCheckFailed") => refused.push((*part, reason.item.clone())),
            Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded") => {
                busy = true;
            }
            Some(code) => {
                let message = reason.message().unwrap_or_default();
                return Err(Fault::new(doing, format!("cancelled: {code} {message}")));
            }
        }
    }
    if !refused.is_empty() {
        Ok(Commit::Refused(Refused(refused)))
    } else if busy {
        Ok(Commit::Busy)
    } else {
        Err(Fault::new(doing, "cancelled for no stated reason"))
    }
}

/// Returns the pause before attempt `attempt` (from 0) of a write that conflicted with another: full jitter
/// under a ceiling that doubles from 5 ms to 160 ms.
#[must_use]
pub fn backoff(attempt: u32, random: u64) -> Duration {
    let ceiling_ms = 5_u64 << attempt.min(5);
    Duration::from_millis(random % (ceiling_ms + 1))
}
