//! Recording what is done, and looking at the record.
//!
//! To record another act: let its store function take a `Record`, commit its transaction with
//! `commit_recorded`, and call it as `audit::recorded(app, &deed, None, |record|
//! app.store().write(.., record)).await?`; its function in the template needs GetItem and PutItem on
//! `AuditTable`. Where the act has reads of its own, read `audit_head` beside them and hand it in for
//! `None`: the record then costs no round trip.

use std::time::Duration;

use aws::Fault;
use domain::Refusal;
use domain::audit::{AuditEvent, Chain, ChainHead, Record};
use domain::callers::Admin;
use store::Recorded;

use crate::pages::{self, Page};
use crate::{App, Error, clock};

/// How long an act may be tried while other acts of the same chain are recorded: well
/// inside a function's ten seconds.
const CONTENTION_PATIENCE: Duration = Duration::from_secs(6);

/// Does what `write` writes together with the record of `deed`, whatever else is recorded at the same moment.
/// `head` is where the chain ends, if that was read before; it need not be right.
///
/// # Errors
/// [`Refusal::Busy`] if others kept coming first: nothing was done then.
pub(crate) async fn recorded<T, Writing>(
    app: &App,
    deed: &AuditEvent,
    mut head: Option<ChainHead>,
    write: impl Fn(Record) -> Writing,
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

/// A page of a chain for the admin `reader`, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from this list of this reader's.
pub async fn records(
    app: &App,
    reader: &Admin,
    chain: &Chain,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Record>, Error> {
    page(app, &format!("{}/audit", reader.user), chain, cursor, limit).await
}

/// A page of a chain for whoever may read the list that is named, newest first.
///
/// # Errors
/// [`Refusal::InvalidCursor`] if the cursor is not from that list.
pub(crate) async fn page(
    app: &App,
    list: &str,
    chain: &Chain,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<Record>, Error> {
    let binding = format!("{list}?chain={chain}");
    pages::read(cursor, &binding, |after| {
        app.store().audit_records(chain, after, limit)
    })
    .await
}
