//! The lanes at work: which job is handed over now, and which is called next.
//!
//! A submit message is a *chance* for its lane. A job that gets a chance takes a slot with it, or passes it
//! on to the next job. While every slot is taken, the lane keeps the chance for the next slot that becomes
//! free. A chance ends if no job waits or the provider is left alone. So there is one chance for each
//! waiting job, and none becomes two. The sweep repairs losses: the chances and slots of workers that died,
//! and those of jobs that the index did not show yet when they should have been called.
//!
//! Owns the order of looking, taking, giving back and calling. `domain::turns` decides whose turn it is. No
//! fault here fails the job's step before it.

use aws::Fault;
use domain::generations::Generation;
use domain::ids::GenerationId;
use domain::lanes::{Lane, Priority, Waiting};
use domain::turns::{self, Traffic};
use queue::correlation;
use store::System;

use crate::{App, clock};

/// The most jobs that are called at once in a lane. Each job that ends calls the next.
const CALLS_MAX: u32 = 50;
/// The most submit workers of a lane, by the template.
const WORKERS_MAX: u32 = 10;
/// The most times that a job asks for a slot again because others took and freed some meanwhile.
const ADMISSIONS_MAX: u32 = 5;

/// Takes a slot for a job in line, if it is its turn. Otherwise its chance is passed on, or kept.
pub(super) async fn admit(app: &App, lane: Lane, job: &Waiting) -> Result<bool, Fault> {
    let slots_max = slots_max(app);
    for _ in 0..ADMISSIONS_MAX {
        let traffic = app.store().traffic(System, lane).await?;
        if !traffic.slots.contains_key(&job.id) {
            let free = traffic.free(slots_max);
            if free == 0 {
                if app.store().keep_chance(System, lane, slots_max).await? {
                    return Ok(false);
                }
                continue;
            }
            // If no job was turned away and each worker could take a slot now, there is no need to ask
            // which job is next.
            if (traffic.chances > 0 || free <= WORKERS_MAX)
                && !is_next(app, lane, &traffic, job).await?
            {
                return Ok(false);
            }
        }
        let store = app.store();
        let taken = store.take_slot(System, lane, job, slots_max, clock::now());
        if taken.await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether it is this job's turn. Otherwise it calls the job that is next.
async fn is_next(app: &App, lane: Lane, traffic: &Traffic, job: &Waiting) -> Result<bool, Fault> {
    let slots_max = slots_max(app);
    let mut line = line(app, lane, slots_max).await?;
    // The index may not show the job yet.
    if !line.contains(job) {
        line.push(job.clone());
    }
    let next = traffic.next(line, traffic.free(slots_max));
    if next.contains(job) {
        return Ok(true);
    }
    match next.first() {
        Some(first) => call(app, lane, first).await.map(|()| false),
        None => Ok(false),
    }
}

/// Gives a job's slot back after the step that no longer needs it, and calls the next job if a chance was
/// kept.
pub(super) async fn give_back(app: &App, job: &Generation) {
    let given = async {
        let freed = app.store().free_slot(System, job.lane, &job.id, None);
        match freed.await? {
            Some(traffic) if traffic.chances > 0 => {
                if app.store().use_chance(System, job.lane).await? {
                    call_next(app, job, &traffic).await?;
                }
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    };
    log(job.lane, given.await);
}

/// Gives a job's slot back without calling another job: the provider is left alone, and the next job would
/// find the same. The sweep calls it, or the worker that finds that the provider works again.
pub(super) async fn withdraw(app: &App, job: &Generation) {
    let freed = app.store().free_slot(System, job.lane, &job.id, None).await;
    log(job.lane, freed.map(drop));
}

/// Passes on the chance of a job that has no use for it.
pub(super) async fn pass_on(app: &App, job: &Generation) {
    let passed = async {
        let traffic = app.store().traffic(System, job.lane).await?;
        let slots_max = slots_max(app);
        if traffic.free(slots_max) == 0 {
            let kept = app.store().keep_chance(System, job.lane, slots_max);
            if kept.await? {
                return Ok(());
            }
        }
        call_next(app, job, &traffic).await
    };
    log(job.lane, passed.await);
}

/// Calls the jobs that waited while the provider was left alone.
pub(super) async fn reopen(app: &App) {
    for lane in Lane::ALL {
        let called = async {
            let traffic = app.store().traffic(System, lane).await?;
            call_all(app, lane, &traffic).await
        };
        log(lane, called.await);
    }
}

/// Frees the slots of a lane that were left behind, and calls the jobs that are next.
///
/// # Errors
/// A fault if something did not answer; the next run goes on.
pub(super) async fn heal(app: &App, lane: Lane) -> Result<(), Fault> {
    let mut traffic = app.store().traffic(System, lane).await?;
    let taken: Vec<_> = traffic.slots.clone().into_iter().collect();
    let ids: Vec<GenerationId> = traffic.slots.keys().cloned().collect();
    let states = app.store().states(System, &ids).await?;
    for (id, taken_at) in taken {
        if !turns::is_left_behind(states.get(&id).copied(), taken_at, clock::now()) {
            continue;
        }
        let freed = app.store().free_slot(System, lane, &id, Some(taken_at));
        if let Some(left) = freed.await? {
            tracing::warn!(generation = %id, "its slot was left behind");
            traffic = left;
        }
    }
    call_all(app, lane, &traffic).await
}

/// Calls one job for each free slot, and keeps a chance for each job that waits beyond them.
async fn call_all(app: &App, lane: Lane, traffic: &Traffic) -> Result<(), Fault> {
    let slots_max = slots_max(app);
    let line = line(app, lane, slots_max.saturating_add(CALLS_MAX)).await?;
    let waiting = line.len();
    let next = traffic.next(line, traffic.free(slots_max).min(CALLS_MAX));
    let calls = next.iter().map(|job| call(app, lane, job));
    futures::future::try_join_all(calls).await?;
    let beyond = waiting.saturating_sub(next.len());
    let kept = usize::try_from(traffic.chances).unwrap_or(usize::MAX);
    if beyond > kept {
        app.store().renew_chances(System, lane, beyond).await?;
    }
    Ok(())
}

/// Calls the job that is next after `job`.
async fn call_next(app: &App, job: &Generation, traffic: &Traffic) -> Result<(), Fault> {
    // The index may still show the job itself, and jobs that have a slot.
    let limit = slots_max(app).saturating_add(1);
    let mut line = line(app, job.lane, limit).await?;
    line.retain(|other| other.id != job.id);
    match traffic.next(line, 1).first() {
        Some(first) => call(app, job.lane, first).await,
        None => Ok(()),
    }
}

/// Returns the first `limit` jobs of each line.
async fn line(app: &App, lane: Lane, limit: u32) -> Result<Vec<Waiting>, Fault> {
    let line = |priority| app.store().line(System, lane, priority, limit);
    let (mut waiting, low) = tokio::try_join!(line(Priority::Normal), line(Priority::Low))?;
    waiting.extend(low);
    Ok(waiting)
}

/// Asks a worker to check whether it is this job's turn.
async fn call(app: &App, lane: Lane, job: &Waiting) -> Result<(), Fault> {
    let told = app.queue().submit(lane, &job.tenant, &job.id);
    correlation::on_behalf_of(job.correlation_id.clone(), told).await
}

fn log(lane: Lane, done: Result<(), Fault>) {
    if let Err(fault) = done {
        let fault = fault.chain();
        tracing::error!(lane = lane.as_str(), fault, "a lane waits for the sweep");
    }
}

fn slots_max(app: &App) -> u32 {
    turns::slots_max(app.config.fal.concurrency)
}
