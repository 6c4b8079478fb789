//! Lanes at work: who is handed over now, and who is called next.
//!
//! A submit message is a *chance* for its lane. Who gets a chance takes a slot with it, or passes it on to
//! whoever is next. While every slot is taken, the lane keeps it for the next one that comes free; it ends
//! where nobody waits or the provider is left alone. So there is one chance for each who waits, and none
//! becomes two. The sweep makes good what is lost: the chances and slots of workers that died, and of those
//! who were not yet to be seen in the index when they were called.
//!
//! Owns the order of looking, taking, giving back and calling; whose turn it is, `domain::turns` says. No
//! fault here fails the step of the job that it comes after.

use aws::Fault;
use domain::generations::Generation;
use domain::ids::GenerationId;
use domain::turns::{self, Lane, Priority, Traffic, Waiting};
use queue::correlation;
use store::System;

use crate::{App, clock};

/// The most jobs that are called at once in a lane. Each that ends calls the next.
const CALLS_MAX: u32 = 50;
/// How many submit workers a lane has at most, by the template.
const WORKERS_MAX: u32 = 10;
/// How many times a job asks for a slot again because others took and freed some meanwhile.
const ADMISSIONS_MAX: u32 = 5;

/// Takes a slot for a job in line, if it is its turn; otherwise its chance is passed on, or kept.
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
            // Where nobody was turned away and each worker could take a slot now,
            // there is no need to ask who is next.
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

/// Whether it is this job's turn; otherwise whoever is next is called.
async fn is_next(app: &App, lane: Lane, traffic: &Traffic, job: &Waiting) -> Result<bool, Fault> {
    let slots_max = slots_max(app);
    let mut line = line(app, lane, slots_max).await?;
    // The index may not show it yet.
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

/// Gives a job's slot back after the step that ended its need of it, and calls the next if a chance was kept.
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

/// Gives a job's slot back and calls nobody: the provider is left alone, and whoever is next would find that,
/// too. The sweep, or whoever finds that the provider works again, calls.
pub(super) async fn withdraw(app: &App, job: &Generation) {
    let freed = app.store().free_slot(System, job.lane, &job.id, None).await;
    log(job.lane, freed.map(drop));
}

/// Passes the chance of a job on that has no use for it.
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

/// Calls those who waited while the provider was left alone.
pub(super) async fn reopen(app: &App) {
    for lane in Lane::ALL {
        let called = async {
            let traffic = app.store().traffic(System, lane).await?;
            call_all(app, lane, &traffic).await
        };
        log(lane, called.await);
    }
}

/// Frees the slots of a lane that were left behind, and calls those who are next.
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

/// Calls one for each free slot, and has a chance kept for each who waits beyond them.
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

/// Calls whoever is next after `job`.
async fn call_next(app: &App, job: &Generation, traffic: &Traffic) -> Result<(), Fault> {
    // The index may still show the job itself, and those who have a slot.
    let limit = slots_max(app).saturating_add(1);
    let mut line = line(app, job.lane, limit).await?;
    line.retain(|other| other.id != job.id);
    match traffic.next(line, 1).first() {
        Some(first) => call(app, job.lane, first).await,
        None => Ok(()),
    }
}

/// The first `limit` of each line.
async fn line(app: &App, lane: Lane, limit: u32) -> Result<Vec<Waiting>, Fault> {
    let line = |priority| app.store().line(System, lane, priority, limit);
    let (mut waiting, low) = tokio::try_join!(line(Priority::Normal), line(Priority::Low))?;
    waiting.extend(low);
    Ok(waiting)
}

/// Has a worker look whether it is this job's turn.
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
