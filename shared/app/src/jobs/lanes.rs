//! Lanes at work: who is handed over now, and who is called next.
//!
//! A submit message is a *chance* for its lane, and so is a slot that comes free. Who gets a chance takes a slot with it,
//! or passes it on to whoever is next; it ends where the lane is full or nobody waits. So there are as many chances as
//! there is something to do, and none becomes two. The sweep makes good what is lost: the chances and slots of workers
//! that died, and those who were not yet to be seen in the index when they would have been called.
//!
//! Owns the order of looking, taking, giving back and calling; whose turn it is, `domain::turns` says. No fault here fails
//! the step of the job that it comes after.

use aws::Fault;
use domain::generations::Generation;
use domain::ids::GenerationId;
use domain::turns::{self, Lane, Priority, Traffic, Waiting};
use queue::correlation;
use store::System;

use crate::{App, clock};

/// The most jobs that are called at once in a lane. Each that ends calls the next.
const CALLS_MAX: u32 = 50;

/// Takes a slot for a job in line, if it is its turn; otherwise its chance is passed on.
pub(super) async fn admit(app: &App, lane: Lane, job: &Waiting) -> Result<bool, Fault> {
    let slots_max = slots_max(app);
    let traffic = app.store().traffic(System, lane).await?;
    if !traffic.slots.contains_key(&job.id) {
        let next = next(app, lane, &traffic, Some(job), traffic.free(slots_max)).await?;
        if !next.contains(job) {
            if let Some(first) = next.first() {
                call(app, lane, first).await?;
            }
            return Ok(false);
        }
    }
    app.store()
        .take_slot(System, lane, job, slots_max, clock::now())
        .await
}

/// Gives a job's slot back after the step that ended its need of it, and calls the next.
pub(super) async fn give_back(app: &App, job: &Generation) {
    let given = async {
        let freed = app.store().free_slot(System, job.lane, &job.id, None);
        match freed.await? {
            Some(traffic) => call_next(app, job, &traffic).await,
            None => Ok(()),
        }
    };
    if let Err(fault) = given.await {
        tracing::error!(generation = %job.id, fault = fault.chain(), "a slot waits for the sweep");
    }
}

/// Gives a job's slot back and calls nobody: the provider is left alone, and whoever is next would find that, too. The
/// sweep, or whoever finds that the provider works again, calls.
pub(super) async fn withdraw(app: &App, job: &Generation) {
    let freed = app.store().free_slot(System, job.lane, &job.id, None).await;
    if let Err(fault) = freed {
        tracing::error!(generation = %job.id, fault = fault.chain(), "a slot waits for the sweep");
    }
}

/// Calls those who waited while the provider was left alone.
pub(super) async fn reopen(app: &App) {
    for lane in Lane::ALL {
        let called = async {
            let traffic = app.store().traffic(System, lane).await?;
            call_all(app, lane, &traffic).await
        };
        if let Err(fault) = called.await {
            tracing::error!(
                lane = lane.as_str(),
                fault = fault.chain(),
                "a lane waits for the sweep"
            );
        }
    }
}

/// Passes the chance of a job on that has no use for it.
pub(super) async fn pass_on(app: &App, job: &Generation) {
    let passed = async {
        let traffic = app.store().traffic(System, job.lane).await?;
        call_next(app, job, &traffic).await
    };
    if let Err(fault) = passed.await {
        tracing::error!(generation = %job.id, fault = fault.chain(), "a lane waits for the sweep");
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

/// Calls one for each free slot.
async fn call_all(app: &App, lane: Lane, traffic: &Traffic) -> Result<(), Fault> {
    let free = traffic.free(slots_max(app)).min(CALLS_MAX);
    let next = next(app, lane, traffic, None, free).await?;
    let calls = next.iter().map(|job| call(app, lane, job));
    futures::future::try_join_all(calls).await.map(drop)
}

/// Calls whoever is next after `job`.
async fn call_next(app: &App, job: &Generation, traffic: &Traffic) -> Result<(), Fault> {
    // Two, since the index may still show the job itself.
    let free = traffic.free(slots_max(app)).min(2);
    let mut next = next(app, job.lane, traffic, None, free).await?;
    next.retain(|other| other.id != job.id);
    match next.first() {
        Some(first) => call(app, job.lane, first).await,
        None => Ok(()),
    }
}

/// The `count` who are next, `newcomer` among them if it is its turn: the index may not show it yet.
async fn next(
    app: &App,
    lane: Lane,
    traffic: &Traffic,
    newcomer: Option<&Waiting>,
    count: u32,
) -> Result<Vec<Waiting>, Fault> {
    if count == 0 {
        return Ok(Vec::new());
    }
    // The index may still show those who have a slot.
    let taken = u32::try_from(traffic.slots.len()).unwrap_or(u32::MAX);
    let limit = count.saturating_add(taken);
    let line = |priority| app.store().line(System, lane, priority, limit);
    let (mut waiting, low) = tokio::try_join!(line(Priority::Normal), line(Priority::Low))?;
    waiting.extend(low);
    if let Some(newcomer) = newcomer.filter(|newcomer| !waiting.contains(newcomer)) {
        waiting.push(newcomer.clone());
    }
    Ok(traffic.next(waiting, count))
}

/// Has a worker look whether it is this job's turn.
async fn call(app: &App, lane: Lane, job: &Waiting) -> Result<(), Fault> {
    let told = app.queue().submit(lane, &job.tenant, &job.id);
    correlation::on_behalf_of(job.correlation_id.clone(), told).await
}

fn slots_max(app: &App) -> u32 {
    turns::slots_max(app.config.fal.concurrency)
}
