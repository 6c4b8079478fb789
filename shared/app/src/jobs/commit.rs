//! Writing a job's next record together with the ledger entries that it causes.

use aws::Fault;
use domain::generations::{Generation, Settlement};
use domain::ledger::{Charge, EntryKind};
use store::{System, WriteOutcome};

use crate::jobs::{lanes, previews};
use crate::{App, clock, events, metrics};

/// The most attempts to settle a job while other jobs of the same wallet are settled.
const ATTEMPTS_MAX: u32 = 40;

/// The outcome of writing a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is written.
    Done,
    /// The job moved on meanwhile, so the step must be decided again.
    Stale,
}

/// Writes the step from `job` to `next`, with its money in the same transaction. Then gives back the slot
/// that `next` no longer holds.
///
/// If only the wallet moved, the step is tried again as it is. It must be decided again only if the job
/// moved.
pub(crate) async fn commit(
    app: &App,
    job: &Generation,
    next: &Generation,
) -> Result<Committed, Fault> {
    let committed = write(app, job, next).await?;
    if committed == Committed::Done && job.state.holds_slot() && !next.state.holds_slot() {
        lanes::give_back(app, next).await;
    }
    Ok(committed)
}

/// Does the same, but leaves giving back the slot to the caller.
pub(super) async fn write(
    app: &App,
    job: &Generation,
    next: &Generation,
) -> Result<Committed, Fault> {
    let doing = "settling a job";
    let settlement = job.settlement(next);
    let told = events::of_step(app, job, next);
    if settlement == Settlement::None {
        let told = told.await?;
        return Ok(match app.store().replace_and_tell(next, &told).await? {
            WriteOutcome::Done => {
                tokio::join!(events::send(app, &told), previews::send(app, job, next));
                Committed::Done
            }
            WriteOutcome::Stale => Committed::Stale,
        });
    }
    let what = Charge {
        generation: &job.id,
        cost: job.cost,
        model: &job.model,
    };
    let (mut wallet, told) = tokio::try_join!(app.store().wallet(&job.tenant), told)?;
    for attempt in 0..ATTEMPTS_MAX {
        let settled = match settlement {
            Settlement::Capture { released } => wallet.capture(&what, released, clock::now()),
            Settlement::Release | Settlement::None => wallet.release(&what, clock::now()),
        };
        if let Ok(settled) = &settled
            && app.store().settle(next, settled, &told).await? == WriteOutcome::Done
        {
            let captured = settled.amount(EntryKind::Capture).get();
            let released = settled.amount(EntryKind::Release).get();
            tracing::info!(generation = %job.id, model = job.model, captured, released, state = next.state.as_str(), "settled");
            metrics::settled(app, next, settled);
            tokio::join!(events::send(app, &told), previews::send(app, job, next));
            return Ok(Committed::Done);
        }
        let now = app.store().job(System, &job.id).await?;
        if now.is_none_or(|now| now.version != job.version) {
            return Ok(Committed::Stale);
        }
        // The job has not moved, so the wallet that cannot book this is broken.
        settled.map_err(Fault::doing(doing))?;
        clock::back_off(attempt).await?;
        wallet = app.store().wallet(&job.tenant).await?;
    }
    Err(Fault::new(doing, "its wallet is too busy"))
}
