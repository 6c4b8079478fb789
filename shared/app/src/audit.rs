//! Recording acts, and reading the records.
//!
//! To record another act, let its store function take a `AuditRecord` and commit its transaction with
//! `commit_recorded`. Call it as `audit::recorded(app, &deed, None, |record| app.store().write(..,
//! record)).await?`. Its function in the template needs GetItem and PutItem on `AuditTable`. If the act has
//! reads of its own, read `audit_head` beside them and pass it in place of `None`: then the record costs no
//! round trip.

use std::time::Duration;

use aws::Fault;
use domain::Refusal;
use domain::audit::{AuditEvent, AuditRecord, Chain, ChainHead};
use domain::callers::Admin;
use store::Recorded;

use crate::pages::{self, SealedPage};
use crate::{App, Error, clock};

/// The time that an act is tried while other acts of the same chain are recorded: well inside a function's
/// ten seconds.
const CONTENTION_PATIENCE: Duration = Duration::from_secs(6);

/// Calls `write` with the record of `deed`, which must commit together with the act. It tries again when
/// other records of the chain come first. `head` is the end of the chain, if it was read before. It need
/// not be up to date.
///
/// # Errors
/// [`Refusal::Busy`] if others kept coming first. Nothing is done then.
pub(crate) async fn recorded<T, Writing>(
    app: &App,
    deed: &AuditEvent,
    mut head: Option<ChainHead>,
    write: impl Fn(AuditRecord) -> Writing,
) -> Result<T, Error>
where
    Writing: Future<Output = Result<Recorded<T>, Fault>>,
{
    let mut tries = clock::tries(CONTENTION_PATIENCE);
    while tries.again().await? {
        let known = match head {
            Some(head) => head,
            None => app.store().audit_head(&deed.chain).await?,
        };
        match write(known.append(deed, clock::now())).await? {
            Recorded::Done(done) => return Ok(done),
            Recorded::Behind(moved) => head = moved,
        }
    }
    tracing::error!(chain = %deed.chain, act = deed.act.as_str(), "an audit log is too busy, or broken");
    Err(Refusal::Busy.into())
}

/// Returns a page of a chain for the admin `reader`, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this reader's list.
pub async fn records(
    app: &App,
    reader: &Admin,
    chain: &Chain,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<AuditRecord>, Error> {
    page(app, &format!("{}/audit", reader.user), chain, cursor, limit).await
}

/// Returns a page of a chain for a reader who may read the named list, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from that list.
pub(crate) async fn page(
    app: &App,
    list: &str,
    chain: &Chain,
    cursor: Option<&str>,
    limit: u32,
) -> Result<SealedPage<AuditRecord>, Error> {
    let binding = format!("{list}?chain={chain}");
    pages::read(cursor, &binding, |after| {
        app.store().audit_records(chain, after, limit)
    })
    .await
}
