//! Looking at a job and taking it one step on, or several. A webhook's word and the sweep's look end up here alike:
//! whichever comes first moves the record, and the other finds that nothing is left to do.

use std::time::Duration;

use aws::Fault;
use domain::Timestamp;
use domain::catalogue;
use domain::generations::{Failure, FailureCode, Generation, Outcome, State};
use domain::ids::GenerationId;
use provider::{Cancel, Progress};
use store::System;

use crate::config::UnknownPolicy;
use crate::jobs::commit::{Committed, commit};
use crate::jobs::copy::{Copied, copy};
use crate::{App, Error, clock, generations, metrics};

/// How often one message may take the job on: more than its longest path, and an end for one that never rests.
const STEPS_MAX: u32 = 12;
/// When a queued job is looked at again after its worker was told once more.
const QUEUED_CHECK: Duration = Duration::from_secs(60);
/// The shortest pause between two looks at a running job: the sweep runs once a minute.
const RUNNING_CHECK_MIN: Duration = Duration::from_secs(20);
/// When a job is looked at again whose media are being copied.
const STORING_CHECK: Duration = Duration::from_secs(120);
/// When media that could not be fetched are tried again.
const COPY_RETRY: Duration = Duration::from_secs(20);
/// When a job is looked at again that the provider was asked to stop.
const CANCEL_CHECK: Duration = Duration::from_secs(5);
/// How long the provider's answer to a cancel is waited for.
const CANCEL_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// How long media that cannot be fetched are tried again: the provider keeps a result for an hour at most.
const COPY_PATIENCE: Duration = Duration::from_secs(3_600);

/// What a webhook said: the provider's id of the job, and how it ended.
pub type Word = (String, Outcome);

/// Takes a job as far as it goes now.
///
/// # Errors
/// A fault if something of ours did not answer: the message comes back, and goes on from the record.
pub async fn settle(app: &App, id: &GenerationId, word: Option<&Word>) -> Result<(), Error> {
    for _ in 0..STEPS_MAX {
        let Some(job) = app.store().job(System, id).await? else {
            return Ok(());
        };
        let Some(next) = step(app, &job, word).await? else {
            return Ok(());
        };
        match commit(app, &job, &next).await? {
            Committed::Stale => {}
            Committed::Done if next.state == State::Storing && job.state != State::Storing => {}
            Committed::Done => return Ok(()),
        }
    }
    Err(Fault::new("settling a job", "it does not come to rest").into())
}

/// The job's next record, or nothing if nothing is to be done now.
async fn step(
    app: &App,
    job: &Generation,
    word: Option<&Word>,
) -> Result<Option<Generation>, Error> {
    let now = clock::now();
    if let Some((request_id, outcome)) = word
        && job.awaits_outcome()
    {
        if job.is_named(request_id) {
            return Ok(ended(job, request_id, outcome, now));
        }
        tracing::warn!(generation = %job.id, "a webhook named another request; ignored");
        return Ok(None);
    }
    let is_due = job.due_at.is_some_and(|at| at <= now);
    match job.state {
        State::Queued if is_due => send_again(app, job, now).await.map(Some),
        State::Submitting if is_due => {
            tracing::warn!(generation = %job.id, "its submit never ended; nobody knows whether the provider accepted it");
            Ok(job.lost_track(job.created_at.plus(app.config.jobs.unknown_after)))
        }
        State::Running => look(app, job, now).await,
        State::Storing => store_media(app, job).await,
        State::Unknown if is_due => Ok(Some(apply_policy(app, job, now))),
        State::Queued
        | State::Submitting
        | State::Unknown
        | State::Succeeded
        | State::Failed
        | State::Canceled => Ok(None),
    }
}

fn ended(
    job: &Generation,
    request_id: &str,
    outcome: &Outcome,
    now: Timestamp,
) -> Option<Generation> {
    match outcome {
        Outcome::Succeeded(media) => job.made(request_id, media.clone(), now.plus(STORING_CHECK)),
        Outcome::Failed(failure) => job.failed(failure.clone(), now),
    }
}

/// Nobody has taken it: perhaps the message was lost. A worker that gets two messages submits once. A job that the
/// provider provably never got is given up at the deadline, too.
async fn send_again(app: &App, job: &Generation, now: Timestamp) -> Result<Generation, Error> {
    if now.since(job.created_at) >= app.config.jobs.deadline {
        let why = "nobody could hand it to the provider in time";
        let failure = Failure::new(FailureCode::ProviderUnavailable, why);
        return Ok(job.failed(failure, now).unwrap_or_else(|| job.due(None)));
    }
    let Some(model) = catalogue::find(&job.model) else {
        let failure = Failure::new(FailureCode::InvalidInput, "this model is no longer offered");
        return Ok(job.failed(failure, now).unwrap_or_else(|| job.due(None)));
    };
    app.queue()
        .submit(generations::lane(model.kind), &job.tenant, &job.id)
        .await?;
    Ok(job.due(Some(now.plus(QUEUED_CHECK))))
}

/// Asks the provider how a running job goes.
async fn look(app: &App, job: &Generation, now: Timestamp) -> Result<Option<Generation>, Error> {
    let Some(ticket) = &job.ticket else {
        return Err(Fault::new("looking at a job", "it has no ticket").into());
    };
    let fal = app.fal().await?;
    let progress = fal.status(ticket).await;
    metrics::provider_answered("status", now);
    match progress {
        Progress::Finished(outcome) => Ok(ended(job, &ticket.request_id, &outcome, now)),
        Progress::Gone => {
            tracing::warn!(generation = %job.id, "the provider no longer knows it");
            Ok(job.lost_track(job.created_at.plus(app.config.jobs.unknown_after).max(now)))
        }
        Progress::Unreachable(why) => {
            tracing::warn!(generation = %job.id, why, "the provider does not answer");
            Ok(Some(job.due(Some(now.plus(RUNNING_CHECK_MIN)))))
        }
        Progress::Queued { .. } | Progress::Running => match job.cancel_requested_at {
            None if is_late(app, job, now) || job.is_to_be_stopped() => {
                stop(fal, job, ticket, now).await
            }
            Some(asked) if now.since(asked) > CANCEL_PATIENCE => {
                Ok(job.lost_track(job.created_at.plus(app.config.jobs.unknown_after).max(now)))
            }
            Some(_) => Ok(Some(job.due(Some(now.plus(RUNNING_CHECK_MIN))))),
            None => Ok(Some(job.due(Some(now.plus(next_check(job)))))),
        },
    }
}

fn is_late(app: &App, job: &Generation, now: Timestamp) -> bool {
    job.started_at
        .is_some_and(|at| now.since(at) >= app.config.jobs.deadline)
}

fn next_check(job: &Generation) -> Duration {
    let expected = catalogue::find(&job.model).map_or(0, |model| model.expected_s);
    RUNNING_CHECK_MIN.max(Duration::from_secs(u64::from(expected) / 4))
}

/// Past its deadline, or no longer wanted: the provider is asked to stop, and its answer settles the job. A cancel is
/// only a wish: the hold stays until the provider says how the job ended.
async fn stop(
    fal: &provider::Fal,
    job: &Generation,
    ticket: &domain::generations::Ticket,
    now: Timestamp,
) -> Result<Option<Generation>, Error> {
    match fal.cancel(ticket).await {
        Cancel::Requested => Ok(job.cancel_requested(now, now.plus(CANCEL_CHECK))),
        Cancel::AlreadyFinished => Ok(Some(job.due(Some(now)))),
        Cancel::NotFound => Ok(job.failed(
            Failure::new(FailureCode::ProviderTimeout, "the provider lost the job"),
            now,
        )),
        Cancel::Unreachable(why) => {
            tracing::warn!(generation = %job.id, why, "the provider does not answer a cancel");
            Ok(Some(job.due(Some(now.plus(RUNNING_CHECK_MIN)))))
        }
    }
}

/// Copies what the provider made into our bucket; only then is the job delivered.
async fn store_media(app: &App, job: &Generation) -> Result<Option<Generation>, Error> {
    match copy(app, job).await? {
        Copied::All(outputs) => Ok(job.stored(outputs, clock::now())),
        Copied::Never(why) => Ok(job.failed(
            Failure::new(FailureCode::MediaUnavailable, why),
            clock::now(),
        )),
        Copied::NotYet(why)
            if clock::now().since(job.started_at.unwrap_or(job.created_at)) > COPY_PATIENCE =>
        {
            Ok(job.failed(
                Failure::new(FailureCode::MediaUnavailable, why),
                clock::now(),
            ))
        }
        Copied::NotYet(why) => {
            tracing::warn!(generation = %job.id, why, "its media cannot be fetched yet");
            Ok(Some(job.due(Some(clock::now().plus(COPY_RETRY)))))
        }
    }
}

/// Nobody found out what became of it in time: the operator's policy decides.
fn apply_policy(app: &App, job: &Generation, now: Timestamp) -> Generation {
    let why = "nobody could find out whether the provider made it; the credits were given back";
    match app.config.jobs.unknown_policy {
        UnknownPolicy::Refund => job
            .failed(Failure::new(FailureCode::OutcomeUnknown, why), now)
            .unwrap_or_else(|| job.due(None)),
        UnknownPolicy::Hold => job.due(None),
    }
}
