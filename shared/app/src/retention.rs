//! Keeping media as long as their author's plan says, and announcing to webhook endpoints that they expire.
//!
//! Each look decides by the record and by the author's plan at that time. Objects are deleted before the
//! record says so, so that an interrupted look finds them again.

use std::time::Duration;

use aws::Fault;
use domain::Timestamp;
use domain::events::{EventKind, Subject, told_of};
use domain::generations::{Generation, Keeping};
use domain::ids::GenerationId;
use futures::StreamExt as _;
use store::{System, WriteOutcome};

use crate::{App, Error, clock, events};

/// The time for which one run begins new looks. The purge has five minutes, and other work after this.
const TIME_MAX: Duration = Duration::from_secs(60);
/// The most records that are taken from each shard of the index at once.
const DUE_MAX: u32 = 250;
/// The number of records that are looked at in parallel.
const AT_ONCE: usize = 10;

/// The results of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetentionCounts {
    /// The number of generations whose media were announced to expire.
    pub announced: usize,
    /// The number of generations whose media were deleted.
    pub expired: usize,
}

/// Looks at all media whose time has come.
///
/// # Errors
/// A fault if they cannot be found, or one could not be looked at; the others are, and the next run tries
/// again.
pub async fn enforce(app: &App) -> Result<RetentionCounts, Error> {
    let give_up_at = clock::now().plus(TIME_MAX);
    let mut kept = RetentionCounts::default();
    loop {
        let now = clock::now();
        let due = app.store().due_media(System, now, DUE_MAX).await?;
        let looks = due
            .into_iter()
            .map(|(id, _)| async move { look(app, &id, give_up_at).await });
        let mut looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
        let (mut moved, mut failed) = (0, None);
        while let Some(look) = looks.next().await {
            match look {
                Ok(RetentionOutcome::Unmoved) => {}
                Ok(looked) => {
                    moved += 1;
                    kept.announced += usize::from(looked == RetentionOutcome::Announced);
                    kept.expired += usize::from(looked == RetentionOutcome::Expired);
                }
                Err(fault) => {
                    tracing::error!(
                        fault = fault.chain(),
                        "media are kept that may have expired"
                    );
                    failed = Some(fault);
                }
            }
        }
        match failed {
            Some(fault) => return Err(fault.into()),
            // An index may show finished work for a moment.
            None if moved == 0 => return Ok(kept),
            None => {}
        }
    }
}

/// The outcome of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RetentionOutcome {
    Unmoved,
    Waits,
    Announced,
    Expired,
}

async fn look(
    app: &App,
    id: &GenerationId,
    give_up_at: Timestamp,
) -> Result<RetentionOutcome, Fault> {
    if clock::now() >= give_up_at {
        return Ok(RetentionOutcome::Unmoved);
    }
    let Some(job) = app.store().job(System, id).await? else {
        return Ok(RetentionOutcome::Unmoved);
    };
    // If the author is gone, the plan that they had when they ordered counts.
    let author = app.store().user(&job.author).await?;
    let today = author.map_or(job.retention, |author| {
        *app.config.retention.of(author.plan)
    });
    let Some(keeping) = job.keeping(today, clock::now()) else {
        return Ok(RetentionOutcome::Unmoved);
    };
    let (next, looked, told) = match keeping {
        Keeping::Wait(next) => (next, RetentionOutcome::Waits, Vec::new()),
        Keeping::Announce(next) => {
            let subject = Subject::Generation(id.clone());
            let told = events::of(app, &told_of(&job), EventKind::MediaExpiring, subject).await?;
            (next, RetentionOutcome::Announced, told)
        }
        Keeping::Expire(next) => {
            delete_media(app, &job).await?;
            (next, RetentionOutcome::Expired, Vec::new())
        }
    };
    match app.store().replace_and_tell(&next, &told).await? {
        WriteOutcome::Done => {
            events::send(app, &told).await;
            Ok(looked)
        }
        // Another write changed it meanwhile: the next run decides again.
        WriteOutcome::Stale => Ok(RetentionOutcome::Unmoved),
    }
}

/// Deletes everything that a generation delivered.
///
/// # Errors
/// A fault if something is left.
pub(crate) async fn delete_media(app: &App, job: &Generation) -> Result<(), Fault> {
    let named: Vec<_> = job.outputs.iter().map(|it| it.key.as_str()).collect();
    app.blobs().delete_media(&job.id, &named).await
}
