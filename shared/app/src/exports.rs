//! A month of a ledger, to be downloaded as a file.
//!
//! If a file is asked for again, it replaces the older one: there is one file for each month, and it is
//! deleted with its owner.

use std::collections::HashMap;
use std::time::Duration;

use aws::Fault;
use domain::access::Action;
use domain::callers::Caller;
use domain::exports::{self, Job, ROWS_MAX, Row};
use domain::ids::{GenerationId, TeamId, Tenant};
use domain::ledger::{Entry, EntryKind};
use domain::time::Month;
use domain::{Refusal, Timestamp};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::{App, Error, clock, teams};

/// The lifetime of the file's URL.
const EXPIRY: Duration = Duration::from_secs(15 * 60);
/// The number of generations that one request reads, and the number of requests at a time.
const BATCH: usize = 100;
const BATCHES_AT_ONCE: usize = 10;

/// A month of a ledger as a file.
#[derive(Debug)]
pub struct Export {
    /// The address of the file.
    pub url: String,
    /// The time at which the address stops working.
    pub expires_at: Timestamp,
    /// The number of entries.
    pub rows: usize,
}

/// Writes rows as a table.
pub type TableWriter<E> = fn(&[Row]) -> Result<Vec<u8>, E>;

/// Writes a month of the caller's own ledger with `write`.
///
/// # Errors
/// [`Refusal::Conflict`] if it has too many entries for one file.
pub async fn own<E: std::error::Error + Send + Sync + 'static>(
    app: &App,
    caller: &Caller,
    month: Month,
    write: TableWriter<E>,
) -> Result<Export, Error> {
    export(app, &Tenant::from(&caller.user), month, write).await
}

/// Writes a month of the ledger of a team whose credits the caller may see.
///
/// # Errors
/// [`Refusal::NotFound`] or [`Refusal::Forbidden`] if they may not see them, [`Refusal::Conflict`] as for
/// [`own`].
pub async fn of_team<E: std::error::Error + Send + Sync + 'static>(
    app: &App,
    caller: &Caller,
    id: &TeamId,
    month: Month,
    write: TableWriter<E>,
) -> Result<Export, Error> {
    teams::get(app, caller, Action::ViewCosts, id).await?;
    export(app, &Tenant::from(id), month, write).await
}

async fn export<E: std::error::Error + Send + Sync + 'static>(
    app: &App,
    tenant: &Tenant,
    month: Month,
    write: TableWriter<E>,
) -> Result<Export, Error> {
    let entries = entries(app, tenant, month).await?;
    let mut jobs = jobs(app, tenant, &entries).await?;
    let rows: Vec<Row> = entries
        .into_iter()
        .map(|entry| Row {
            job: held(&entry).and_then(|id| jobs.remove(id)),
            entry,
        })
        .collect();
    let table = write(&rows).map_err(Fault::doing("writing a table"))?;
    app.blobs().put_export(tenant, month, table).await?;
    let expires_at = clock::now().plus(EXPIRY);
    Ok(Export {
        url: app.blobs().export_url(tenant, month, EXPIRY).await?,
        expires_at,
        rows: rows.len(),
    })
}

/// Returns the entries of a month, the first one first.
async fn entries(app: &App, tenant: &Tenant, month: Month) -> Result<Vec<Entry>, Error> {
    let (begins, ends) = exports::bounds(month);
    let mut from = first_since(app, tenant, begins).await?;
    let mut kept = Vec::new();
    loop {
        let (found, has_more) = app.store().some_entries(tenant, from, ROWS_MAX).await?;
        let Some(last) = found.last() else { break };
        from = last.sequence + 1;
        let is_over = !has_more || last.created_at >= ends;
        kept.extend(
            found
                .into_iter()
                .filter(|entry| exports::is_of(entry, month)),
        );
        if kept.len() > ROWS_MAX {
            let many = format!(
                "this month has more than {ROWS_MAX} entries, too many for one file; read them page by page at \
                 /credits/transactions"
            );
            return Err(Refusal::Conflict(many).into());
        }
        if is_over {
            break;
        }
    }
    Ok(kept)
}

/// Returns the place of the first entry that was booked at `moment` or later. It is found by halving, since
/// places have no gaps. An entry that the index does not show yet counts as later.
async fn first_since(app: &App, tenant: &Tenant, moment: Timestamp) -> Result<u64, Fault> {
    let (mut low, mut high) = (1, app.store().wallet(tenant).await?.version + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match app.store().booked_at(tenant, middle).await? {
            Some(at) if at < moment => low = middle + 1,
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}

/// Returns the job that an entry sets credits aside for. Each job has one such entry, and its row has the
/// job's receipt.
fn held(entry: &Entry) -> Option<&GenerationId> {
    let generation = entry.generation.as_ref();
    generation.filter(|_| entry.kind == EntryKind::Hold)
}

/// Returns the jobs that entries set credits aside for, with their outcomes.
async fn jobs(
    app: &App,
    tenant: &Tenant,
    entries: &[Entry],
) -> Result<HashMap<GenerationId, Job>, Fault> {
    let ids: Vec<_> = entries.iter().filter_map(held).cloned().collect();
    let batches = ids.chunks(BATCH).map(<[_]>::to_vec);
    let batches = futures::stream::iter(batches.collect::<Vec<_>>());
    let read = batches.map(|ids| async move { app.store().generations_of(tenant, &ids).await });
    let found: Vec<_> = read.buffer_unordered(BATCHES_AT_ONCE).try_collect().await?;
    let found = found.into_iter().flatten();
    Ok(found.map(|job| (job.id.clone(), Job::from(&job))).collect())
}
