//! Looking at a job and taking it one step on, or several. A webhook's report and the sweep's look both end
//! up here: the first to come moves the record, and the other finds nothing left to do.

use std::time::Duration;

use aws::Fault;
use domain::Timestamp;
use domain::catalogue;
use domain::generations::{
    Failure, FailureCode, Generation, Need, Outcome, Patience, State, Ticket,
};
use domain::ids::GenerationId;
use provider::{Cancel, Evidence};
use queue::correlation;
use store::System;

use crate::config::UnknownPolicy;
use crate::jobs::commit::{Committed, commit, write};
use crate::jobs::copy::{Stored, store_media};
use crate::jobs::copy_record::{RUN_TIME, STORING_LEASE};
use crate::jobs::lanes;
use crate::{App, Error, clock, metrics};

/// The most steps for which one message may take a job on: more than its longest path, and an end for one
/// that never rests.
const STEPS_MAX: u32 = 12;
/// The time until another look at a job that the provider was asked to stop.
const CANCEL_CHECK: Duration = Duration::from_secs(5);
/// The time that the provider has to answer a cancel by the job's owner.
const CANCEL_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// The time until another look at a job that the operator's policy keeps holding.
const HELD_CHECK: Duration = Duration::from_secs(24 * 3_600);

/// The report of a webhook: the provider's id of the job, and how it ended.
pub type ReportedOutcome = (String, Outcome);

/// The reason for a look at a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettleTrigger {
    /// A verified webhook reported how it ended.
    ProviderReport(ReportedOutcome),
    /// There is reason to believe that there is news of it.
    News,
    /// The sweep found it due, and put off its next look until then, so that nobody else is sent meanwhile.
    Due(Timestamp),
}

impl SettleTrigger {
    /// Returns whether a look at `job` is due: by the clock, or because the sweep found that it was.
    fn is_due(&self, job: &Generation, now: Timestamp) -> bool {
        job.due_at.is_some_and(|at| match self {
            Self::Due(leased_until) => at <= now || at == *leased_until,
            Self::ProviderReport(_) | Self::News => at <= now,
        })
    }
}

/// Takes a job as far as it can go now.
///
/// # Errors
/// A fault if something of ours did not answer: the message comes back, and goes on from the record.
pub async fn settle(app: &App, id: &GenerationId, cause: &SettleTrigger) -> Result<(), Error> {
    let stop_at = clock::now().plus(RUN_TIME);
    let mut is_ours_to_store = false;
    // The record as we wrote it, if nothing newer is known of it, and the job whose slot is still to be
    // given back.
    let (mut written, mut leaver) = (None, None);
    for _ in 0..STEPS_MAX {
        let job = match written.take() {
            Some(job) => Some(job),
            None => app.store().job(System, id).await?,
        };
        let Some(job) = job else {
            // It was deleted. A worker that was slow, or killed, may have written media after that.
            return Ok(app.blobs().delete_media(id, &[]).await?);
        };
        let (job, next) = if is_ours_to_store && job.state == State::Storing {
            // The slot is given back at the same time, so that no job waits for it while a file is copied.
            let (stored, ()) = tokio::join!(
                store_media(app, &job, stop_at),
                give_back(app, leaver.take())
            );
            match stored? {
                Stored::Next(step) => *step,
                Stored::RecordMoved => continue,
            }
        } else {
            match step(app, &job, cause).await? {
                Some(next) => (job, next),
                None => return Ok(()),
            }
        };
        let begins_to_store = next.state == State::Storing && !is_ours_to_store;
        let committed = match begins_to_store {
            true => write(app, &job, &next).await?,
            false => commit(app, &job, &next).await?,
        };
        match committed {
            Committed::Stale => {}
            Committed::Done if begins_to_store => {
                is_ours_to_store = true;
                leaver = job.state.holds_slot().then(|| job.clone());
                written = Some(next);
            }
            Committed::Done => return Ok(()),
        }
    }
    Err(Fault::new("settling a job", "it does not come to rest").into())
}

async fn give_back(app: &App, leaver: Option<Generation>) {
    if let Some(job) = leaver {
        lanes::give_back(app, &job).await;
    }
}

/// The job's next record, or nothing if nothing is to be done now.
async fn step(
    app: &App,
    job: &Generation,
    cause: &SettleTrigger,
) -> Result<Option<Generation>, Error> {
    let now = clock::now();
    if let SettleTrigger::ProviderReport((request_id, outcome)) = cause
        && job.awaits_outcome()
    {
        if job.is_named(request_id) {
            return Ok(ended(job, request_id, outcome, now));
        }
        tracing::warn!(generation = %job.id, "a webhook named another request; ignored");
        return Ok(None);
    }
    let is_due = cause.is_due(job, now);
    match (job.state, &job.ticket) {
        (State::Queued, _) if is_due => send_again(app, job, now).await,
        (State::Submitting, _) if is_due => {
            tracing::warn!(generation = %job.id, "its submit never ended; nobody knows whether the provider accepted it");
            Ok(job.lost_track(job.created_at.plus(app.config.jobs.unknown_after)))
        }
        (State::Running | State::Unknown, Some(ticket))
            if is_due || *cause == SettleTrigger::News =>
        {
            look(app, job, ticket).await
        }
        // The provider cannot be asked without a ticket: only a webhook can prove anything.
        (State::Unknown, None) if is_due => Ok(Some(apply_policy(app, job, now))),
        (State::Running, None) => Err(Fault::new("looking at a job", "it has no ticket").into()),
        // The record says that it is being stored before a worker begins, so that no other does the same.
        (State::Storing, _) if is_due => Ok(Some(job.due(Some(now.plus(STORING_LEASE))))),
        (State::Succeeded, _) if is_due && job.awaits_previews() => {
            preview_again(app, job, now).await
        }
        (
            State::Queued
            | State::Submitting
            | State::Running
            | State::Storing
            | State::Unknown
            | State::Succeeded
            | State::Failed
            | State::Canceled,
            _,
        ) => Ok(None),
    }
}

/// Asks for its small pictures again: the message was lost, or the worker died over them.
async fn preview_again(
    app: &App,
    job: &Generation,
    now: Timestamp,
) -> Result<Option<Generation>, Error> {
    let next = job.previews_again(now);
    if next.as_ref().is_some_and(Generation::awaits_previews) {
        app.queue().preview(&job.tenant, &job.id).await?;
    }
    Ok(next)
}

fn ended(
    job: &Generation,
    request_id: &str,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<Generation> {
    match outcome {
        Outcome::Made(pieces) => job.made(request_id, pieces, now, now.plus(STORING_LEASE)),
        Outcome::Refused(failure) => job.failed(failure.clone(), now),
    }
}

/// Puts a job in line again that the provider refused a while ago, and whose message was lost. A worker
/// that gets two messages submits once. A job that the provider provably never got is given up when its
/// patience ends.
async fn send_again(
    app: &App,
    job: &Generation,
    now: Timestamp,
) -> Result<Option<Generation>, Error> {
    let patience_ends_at = job.created_at.plus(app.config.jobs.submit_patience);
    if now >= patience_ends_at {
        let why =
            "we could not hand this to the provider in time; the trouble is ours, try again later";
        let failure = Failure::new(FailureCode::ProviderUnavailable, why);
        return Ok(job.failed(failure, now));
    }
    let told = app.queue().submit(job.lane, &job.tenant, &job.id);
    correlation::on_behalf_of(job.correlation_id.clone(), told).await?;
    Ok(job.in_line_until(patience_ends_at))
}

/// Asks the provider about a job. If the answer is not its end, the job's own time limits decide.
async fn look(app: &App, job: &Generation, ticket: &Ticket) -> Result<Option<Generation>, Error> {
    let fal = app.fal().await?;
    let asked_at = clock::now();
    let evidence = fal.look(ticket).await;
    metrics::provider_answered(app, "status", asked_at);
    let now = clock::now();
    let queue_position = match evidence {
        Evidence::Made(pieces) => {
            return Ok(job.made(&ticket.request_id, &pieces, now, now.plus(STORING_LEASE)));
        }
        Evidence::Refused(failure) => return Ok(job.failed(failure, now)),
        Evidence::Working { queue_position } | Evidence::Accepted { queue_position, .. } => {
            queue_position
        }
        Evidence::NotYet(trouble) | Evidence::NotAccepted(trouble) => {
            tracing::warn!(generation = %job.id, why = trouble.why, "the provider says nothing of the job");
            job.queue_position
        }
    };
    let expected = catalogue::find(&job.model).map_or(0, |model| model.expected_s);
    let expected = Duration::from_secs(u64::from(expected));
    match job.need(now, patience(app), expected) {
        Need::Wait(check_at) => Ok(Some(job.waits(queue_position, check_at))),
        Need::Stop(retry_at) => stop(app, job, ticket, retry_at).await,
        Need::LoseTrack(check_at) => {
            tracing::warn!(generation = %job.id, "it is over time, and nobody knows what became of it");
            Ok(job.lost_track(check_at))
        }
        Need::Policy => Ok(Some(apply_policy(app, job, now))),
    }
}

fn patience(app: &App) -> Patience {
    Patience {
        deadline: app.config.jobs.deadline,
        cancel: CANCEL_PATIENCE,
        unknown: app.config.jobs.unknown_after,
    }
}

/// Asks the provider to stop a job that is past its deadline or no longer wanted. Its answer settles the
/// job. A cancel is only a wish: the hold stays until the provider says how the job ended.
async fn stop(
    app: &App,
    job: &Generation,
    ticket: &Ticket,
    retry_at: Timestamp,
) -> Result<Option<Generation>, Error> {
    let answer = app.fal().await?.cancel(ticket).await;
    let now = clock::now();
    Ok(match answer {
        Cancel::Requested => job.cancel_requested(now, now.plus(CANCEL_CHECK)),
        // Its result says how it ended, and is asked for once more.
        Cancel::TooLate => job.cancel_requested(now, now),
        Cancel::NotYet(trouble) => {
            tracing::warn!(generation = %job.id, why = trouble.why, "the provider does not answer a cancel");
            let lost = job
                .lost_track(retry_at)
                .filter(|_| job.is_late(now, patience(app)));
            Some(lost.unwrap_or_else(|| job.waits(job.queue_position, retry_at)))
        }
    })
}

/// Applies the operator's policy to a job whose outcome could not be found out in time.
fn apply_policy(app: &App, job: &Generation, now: Timestamp) -> Generation {
    let why = "nobody could find out whether the provider made it; the credits were given back";
    match app.config.jobs.unknown_policy {
        UnknownPolicy::Refund => job
            .failed(Failure::new(FailureCode::OutcomeUnknown, why), now)
            .unwrap_or_else(|| job.due(None)),
        UnknownPolicy::Hold => job.due(Some(now.plus(HELD_CHECK))),
    }
}
