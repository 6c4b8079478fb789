//! Handing a job to the provider, at most once.
//!
//! The record says "submitting" before the provider hears of the job. A worker that finds this later cannot
//! know whether the provider accepted the job, and must not submit it again: the provider has no
//! idempotency key, so a second submit is a second paid job. Only a proven refusal leads back to the queue.
//! `lanes` decides whose turn it is.

use std::time::Duration;

use aws::Fault;
use domain::catalogue::{self, Asked};
use domain::generations::{Failure, FailureCode, Generation, State};
use domain::ids::GenerationId;
use provider::{Cause, Evidence, Fal, ProviderError, Submission};
use sha2::{Digest as _, Sha256};
use store::System;

use crate::breaker::Pass;
use crate::jobs::commit::{Committed, commit};
use crate::jobs::{lanes, look_soon};
use crate::{App, Error, breaker, clock, metrics};

/// The time that a worker has to record the outcome of a submit: longer than its function may run.
const LEASE: Duration = Duration::from_secs(90);
/// The number of retries of a submit that come by the job's own message, after 1, 2 and 4 seconds: fewer
/// than a message may be received before it becomes a dead letter.
const QUICK_RETRIES_MAX: u32 = 3;
/// The first pause of the retries after them.
const SLOW_RETRY_MIN: Duration = Duration::from_secs(15);
/// The time until the first look at a running job if no webhook came. A look is one request, and a missing
/// webhook should not cost the user the time that the model usually takes.
const FIRST_CHECK: Duration = Duration::from_secs(10);
/// The time that the provider may keep a job before it starts it.
const START_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// The time for which the provider may read a reference image.
const REFERENCE_EXPIRY: Duration = Duration::from_secs(3_600);
/// The most times that a step is decided again because the record moved.
const DECISIONS_MAX: u32 = 20;

/// The outcome of a message that asked for a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nothing is left to do.
    Done,
    /// The provider refused for now: the message must come back.
    Again,
}

/// Submits a job, unless it was submitted before.
///
/// # Errors
/// A fault if it is not known what the record says now. The message comes back then, and the next run finds
/// out.
pub async fn submit(app: &App, id: &GenerationId, receipt_handle: &str) -> Result<Taken, Error> {
    let fal = app.fal().await?;
    // The sweep may touch the record between our read and our write. Then we read again, because a message
    // that goes back instead stays hidden for minutes.
    let (mut has_slot, mut pass) = (false, None);
    for _ in 0..DECISIONS_MAX {
        let Some(job) = app.store().job(System, id).await? else {
            return Ok(Taken::Done);
        };
        let now = clock::now();
        let secret = hex::encode(clock::random::<32>()?);
        let digest = hex::encode(Sha256::digest(secret.as_bytes()));
        let begun = job.begin_submit(now, LEASE, digest);
        let Some(begun) = begun.filter(|_| !job.stands_aside(now)) else {
            leave(app, &job, has_slot).await;
            return Ok(Taken::Done);
        };
        let Some(waiting) = job.waiting() else {
            // It was refused for now, and that time is over. It must stand in line before it can get a
            // slot.
            let patience_ends_at = job.created_at.plus(app.config.jobs.submit_patience);
            if let Some(in_line) = job.in_line_until(patience_ends_at) {
                commit(app, &job, &in_line).await?;
            }
            continue;
        };
        let request = match request(app, &job, &secret).await? {
            Ok(request) => request,
            Err(failure) => {
                let given_up = give_up(app, &job, failure).await?;
                leave(app, &job, has_slot).await;
                return Ok(given_up);
            }
        };
        let admitted = lanes::admit(app, job.lane, &waiting);
        let (admitted, breaker) = tokio::try_join!(admitted, app.store().breaker())?;
        has_slot = admitted;
        if !has_slot {
            return Ok(Taken::Done);
        }
        if pass.is_none() {
            pass = breaker::pass(app, breaker).await?;
        }
        let Some(pass) = pass else {
            lanes::withdraw(app, &job).await;
            return Ok(Taken::Done);
        };
        if commit(app, &job, &begun).await? == Committed::Done {
            return hand_over(app, fal, (begun, pass), &request, receipt_handle).await;
        }
    }
    Ok(Taken::Again)
}

/// Lets a job that is not to be submitted leave its slot and its chance to the others. A slot that another
/// worker's submit uses stays.
async fn leave(app: &App, job: &Generation, has_slot: bool) {
    if has_slot && !job.state.holds_slot() {
        lanes::give_back(app, job).await;
    }
    // The chance of a job that ended before its first submit was its own, and ends with it.
    if !(job.state.is_final() && job.attempts == 0) {
        lanes::pass_on(app, job).await;
    }
}

/// Hands a job to the provider, after its record says so, and records the outcome.
async fn hand_over(
    app: &App,
    fal: &Fal,
    (begun, pass): (Generation, Pass),
    request: &Submission,
    receipt_handle: &str,
) -> Result<Taken, Error> {
    let asked_at = clock::now();
    let evidence = fal.submit(request).await;
    metrics::provider_answered(app, "submit", asked_at);
    let works_again = breaker::told(app, pass, &evidence).await;
    let taken = record(app, begun, evidence, receipt_handle).await;
    if works_again {
        lanes::reopen(app).await;
    }
    taken
}

async fn record(
    app: &App,
    begun: Generation,
    evidence: Evidence,
    receipt_handle: &str,
) -> Result<Taken, Error> {
    let now = clock::now();
    match evidence {
        Evidence::Accepted {
            ticket,
            queue_position,
        } => {
            let accepted = apply(app, begun, |job| {
                job.accepted(ticket.clone(), queue_position, now, now.plus(FIRST_CHECK))
            });
            if let Some(running) = accepted.await?.filter(Generation::is_to_be_stopped) {
                look_soon(app, &running.id).await;
            }
            Ok(Taken::Done)
        }
        Evidence::Refused(failure) => give_up(app, &begun, failure).await,
        Evidence::NotAccepted(trouble)
            if now.since(begun.created_at) >= app.config.jobs.submit_patience =>
        {
            give_up(app, &begun, not_taken(&trouble)).await
        }
        Evidence::NotAccepted(trouble) => {
            tracing::info!(generation = %begun.id, attempts = begun.attempts, why = trouble.why, "not accepted for now");
            come_back(app, begun, receipt_handle).await
        }
        Evidence::NotYet(trouble) => lose_track(app, begun, &trouble.why).await,
        // No submit is answered like this. If it were, the provider would have the job, and we would not
        // know its id.
        Evidence::Working { .. } | Evidence::Made(_) => lose_track(app, begun, "no name").await,
    }
}

async fn lose_track(app: &App, begun: Generation, why: &str) -> Result<Taken, Error> {
    tracing::warn!(generation = %begun.id, why, "nobody knows whether the provider accepted it");
    let policy_at = begun.created_at.plus(app.config.jobs.unknown_after);
    apply(app, begun, |job| job.lost_track(policy_at)).await?;
    Ok(Taken::Done)
}

/// Returns the failure of a job that the provider never took, in words for its owner, who cannot mend any
/// of it.
fn not_taken(trouble: &ProviderError) -> Failure {
    let why = match trouble.cause {
        Cause::Retired => "the provider no longer offers this model",
        Cause::Account | Cause::Outage | Cause::Unclear => {
            "we could not hand this to the provider; the trouble is ours, try again later"
        }
    };
    Failure::new(FailureCode::ProviderUnavailable, why)
}

/// Writes `step`, and decides again if the record moved. Returns the record that was written. A step that
/// no longer applies changes nothing.
async fn apply(
    app: &App,
    begun: Generation,
    step: impl Fn(&Generation) -> Option<Generation>,
) -> Result<Option<Generation>, Error> {
    let mut job = begun;
    for _ in 0..DECISIONS_MAX {
        let Some(next) = step(&job) else {
            return Ok(None);
        };
        if commit(app, &job, &next).await? == Committed::Done {
            return Ok(Some(next));
        }
        match app.store().job(System, &job.id).await? {
            Some(now) => job = now,
            None => return Ok(None),
        }
    }
    Err(Fault::new(
        "recording what became of a submit",
        "its record keeps moving",
    )
    .into())
}

async fn give_up(app: &App, job: &Generation, failure: Failure) -> Result<Taken, Error> {
    let now = clock::now();
    apply(app, job.clone(), |job| match job.state {
        State::Queued | State::Submitting => job.failed(failure.clone(), now),
        State::Running
        | State::Storing
        | State::Succeeded
        | State::Failed
        | State::Canceled
        | State::Unknown => None,
    })
    .await?;
    Ok(Taken::Done)
}

/// Retries a job that was provably not accepted: at first soon, by its message, then by the sweep, with
/// growing pauses, until its patience ends.
async fn come_back(app: &App, job: Generation, receipt_handle: &str) -> Result<Taken, Error> {
    let now = clock::now();
    let gives_up_at = job.created_at.plus(app.config.jobs.submit_patience);
    let is_quick = job.attempts <= QUICK_RETRIES_MAX;
    let seconds: u16 = 1 << (job.attempts.clamp(1, QUICK_RETRIES_MAX) - 1);
    let pause = match is_quick {
        true => Duration::from_secs(seconds.into()),
        false => slow_retry(job.attempts),
    };
    let retry_at = now.plus(pause).min(gives_up_at.max(now));
    let lane = job.lane;
    let back = apply(app, job, |job| job.refused_for_now(now, retry_at)).await?;
    match back {
        Some(back) if is_quick && back.state == State::Queued => {
            let message = app.queue().retry_in(lane, receipt_handle, seconds.into());
            message.await?;
            Ok(Taken::Again)
        }
        Some(_) | None => Ok(Taken::Done),
    }
}

/// Returns the pause after so many attempts: 15 s, doubling up to two minutes.
fn slow_retry(attempts: u32) -> Duration {
    let doublings = attempts.saturating_sub(QUICK_RETRIES_MAX + 1).min(3);
    SLOW_RETRY_MIN * (1 << doublings)
}

/// Builds the request to the provider. A job that its model can no longer carry out fails here.
async fn request(
    app: &App,
    job: &Generation,
    secret: &str,
) -> Result<Result<Submission, Failure>, Fault> {
    let gone = |what: &str| Ok(Err(Failure::new(FailureCode::InvalidInput, what)));
    let Some(model) = catalogue::find(&job.model) else {
        return gone("this model is no longer offered");
    };
    let asked = &job.request;
    let asked = Asked {
        prompt: asked.told_prompt(),
        negative_prompt: asked.negative_prompt.as_deref(),
        parameters: &asked.parameters,
        has_reference: asked.reference_file.is_some(),
    };
    let Ok(order) = model.check(&asked) else {
        return gone("the model no longer takes these parameters");
    };
    let read_url = |file| {
        app.blobs()
            .upload_read_url(&job.tenant, file, REFERENCE_EXPIRY, None)
    };
    let reference = match &job.request.reference_file {
        Some(file) => Some(read_url(file).await?),
        None => None,
    };
    let mut images = Vec::with_capacity(order.images.len());
    for (_, upstream, file) in &order.images {
        images.push((*upstream, read_url(file).await?));
    }
    let base = app.config.public_url.as_ref();
    let request_id = queue::correlation::request_id();
    let webhook = base.map(|base| {
        format!(
            "{base}/webhooks/fal?generation={}&request={request_id}&token={secret}",
            job.id
        )
    });
    Ok(Ok(Submission::new(
        &order,
        reference,
        images,
        webhook,
        START_TIMEOUT,
        job.priority,
    )))
}
