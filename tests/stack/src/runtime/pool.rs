//! The instances of one function: started on first use, kept warm, and ended after a long idle time.
//!
//! Owns their number and the choice of one for each invocation. Refuses to know how an instance works inside.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::instance::{Instance, Outcome};
use super::{Failure, FunctionError, Launch};
use crate::log::{Log, Sink};

/// The most times that an invocation moves on to another instance because one ended before taking it.
const INSTANCES_TRIED_MAX: usize = 3;

/// The bounds on a function's invocations.
#[derive(Clone, Copy, Debug)]
pub struct Concurrency {
    /// The most that run at once.
    pub running_max: u32,
    /// The most that wait in line.
    pub waiting_max: usize,
}

/// A function, ready to be invoked.
pub struct Pool {
    launch: Launch,
    log: Sink,
    token: CancellationToken,
    slots: Semaphore,
    waiting: AtomicUsize,
    concurrency: Concurrency,
    state: Mutex<State>,
    /// Whether the user has been told that the function does not start.
    told: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The idle instances. The one used last is used next, so that the others may fall idle.
    idle: Vec<(Arc<Instance>, Instant)>,
    all: Vec<Arc<Instance>>,
    counts: Counts,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Counts {
    cold_starts: u64,
    warm_starts: u64,
    errors: u64,
    init_ms_last: f64,
    duration_ms_last: f64,
    duration_ms_max: f64,
    duration_ms_total: f64,
}

/// The facts about a function for the control surface.
#[derive(Clone, Debug, Serialize)]
pub struct FunctionStatus {
    name: String,
    running: usize,
    busy: usize,
    waiting: usize,
    #[serde(flatten)]
    counts: Counts,
    instances: Vec<InstanceStatus>,
}

#[derive(Clone, Debug, Serialize)]
struct InstanceStatus {
    pid: u32,
    started_at: String,
    invocations: u64,
    idle: bool,
}

impl Pool {
    /// A function without any instance.
    pub fn new(
        launch: Launch,
        concurrency: Concurrency,
        log: Sink,
        token: &CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            launch,
            log,
            token: token.child_token(),
            slots: Semaphore::new(concurrency.running_max as usize),
            waiting: AtomicUsize::new(0),
            concurrency,
            state: Mutex::default(),
            told: AtomicBool::new(false),
        })
    }

    /// The function's name, which is its binary's.
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Invokes the function. It goes on even if the caller goes away, as on AWS.
    pub async fn invoke(self: &Arc<Self>, payload: Bytes) -> Result<Bytes, Failure> {
        let pool = Arc::clone(self);
        match tokio::spawn(async move { pool.run(payload).await }).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::Stopping),
        }
    }

    async fn run(&self, payload: Bytes) -> Result<Bytes, Failure> {
        let _slot = self.slot().await?;
        let request_id = Uuid::new_v4().to_string();
        for _ in 0..INSTANCES_TRIED_MAX {
            let instance = self.instance().await?;
            let started = Instant::now();
            let outcome = instance
                .invoke(&request_id, payload.clone(), self.launch.timeout)
                .await;
            if self.token.is_cancelled() {
                return Err(Failure::Stopping);
            }
            let error = match outcome {
                Outcome::NotTaken => continue,
                Outcome::Replied(reply) => {
                    self.record(started.elapsed(), reply.is_err());
                    self.lock().idle.push((instance, Instant::now()));
                    return reply.map_err(Failure::Function);
                }
                Outcome::Crashed(reason) => FunctionError::new(
                    "Runtime.ExitError",
                    format!("RequestId: {request_id} Error: {reason}"),
                ),
                Outcome::TimedOut => {
                    instance.kill().await;
                    self.timed_out(&request_id)
                }
            };
            self.record(started.elapsed(), true);
            self.log.line(self.name(), &error.error_message);
            return Err(Failure::Function(error));
        }
        let message = "its instances ended before they took the invocation";
        Err(Failure::Function(FunctionError::new(
            "Runtime.ExitError",
            message,
        )))
    }

    /// Waits for a turn. Refuses when the line is too long, as AWS refuses above the concurrency.
    async fn slot(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        if let Ok(slot) = self.slots.try_acquire() {
            return Ok(slot);
        }
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.concurrency.waiting_max {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(Failure::Throttled);
        }
        let slot = self.token.run_until_cancelled(self.slots.acquire()).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        slot.and_then(Result::ok).ok_or(Failure::Stopping)
    }

    /// Takes a warm instance, or starts a new one.
    async fn instance(&self) -> Result<Arc<Instance>, Failure> {
        {
            let mut state = self.lock();
            while let Some((instance, _)) = state.idle.pop() {
                if !instance.is_alive() {
                    continue;
                }
                if instance.is_current(&self.launch.path) {
                    state.counts.warm_starts += 1;
                    return Ok(instance);
                }
                instance.stop();
            }
        }
        let started = Instant::now();
        let instance = self.start(&self.log).await.map_err(|error| {
            self.tell(&error);
            Failure::Function(error)
        })?;
        self.told.store(false, Ordering::Relaxed);
        let mut state = self.lock();
        state.counts.cold_starts += 1;
        state.counts.init_ms_last = milliseconds(started.elapsed());
        Ok(instance)
    }

    /// Starts an instance that writes to `log`, and waits until it is ready.
    async fn start(&self, log: &Sink) -> Result<Arc<Instance>, FunctionError> {
        let cannot = |problem: std::io::Error| {
            let message = format!("{}: {problem}", self.launch.path.display());
            FunctionError::new("Runtime.InvalidEntrypoint", message)
        };
        let instance = Instance::start(&self.launch, log, &self.token).await;
        let instance = Arc::new(instance.map_err(cannot)?);
        {
            let mut state = self.lock();
            state.all.retain(|known| !known.is_gone());
            state.all.push(Arc::clone(&instance));
        }
        match instance.ready().await {
            Ok(()) => Ok(instance),
            Err(error) => {
                instance.kill().await;
                Err(error)
            }
        }
    }

    /// Starts one instance only to see that the function does start, and ends it again. Its output is not
    /// shown: the error contains the reason, and a function that starts will write the same again.
    pub async fn probe(&self) -> Result<(), String> {
        match self.start(&Sink::new(Log::Silent)).await {
            Ok(instance) => {
                instance.kill().await;
                Ok(())
            }
            Err(error) => Err(self.sentence(&error)),
        }
    }

    /// Kills every running instance; returns their number.
    pub async fn kill(&self) -> usize {
        let instances = {
            let mut state = self.lock();
            state.idle.clear();
            std::mem::take(&mut state.all)
        };
        let running = instances
            .iter()
            .filter(|instance| instance.is_alive())
            .count();
        // It waits for those that are ending already, too.
        for instance in &instances {
            instance.kill().await;
        }
        running
    }

    /// Ends the instances that have been idle for `idle_for`.
    pub fn reap(&self, idle_for: Duration) {
        let mut state = self.lock();
        state.idle.retain(|(instance, since)| {
            let stays = instance.is_alive() && since.elapsed() < idle_for;
            if !stays {
                instance.stop();
            }
            stays
        });
        state.all.retain(|known| !known.is_gone());
    }

    /// The facts about the function.
    pub fn status(&self) -> FunctionStatus {
        let state = self.lock();
        let instances: Vec<InstanceStatus> = state
            .all
            .iter()
            .filter(|instance| instance.is_alive())
            .map(|instance| state.describe(instance))
            .collect();
        FunctionStatus {
            name: self.name().to_owned(),
            running: instances.len(),
            busy: instances.iter().filter(|instance| !instance.idle).count(),
            waiting: self.waiting.load(Ordering::Relaxed),
            counts: state.counts.clone(),
            instances,
        }
    }

    fn record(&self, duration: Duration, failed: bool) {
        let duration_ms = milliseconds(duration);
        let counts = &mut self.lock().counts;
        counts.errors += u64::from(failed);
        counts.duration_ms_last = duration_ms;
        counts.duration_ms_max = counts.duration_ms_max.max(duration_ms);
        counts.duration_ms_total += duration_ms;
    }

    /// Reports that the function does not start, once, even if it is tried again.
    fn tell(&self, error: &FunctionError) {
        if !self.token.is_cancelled() && !self.told.swap(true, Ordering::Relaxed) {
            self.log.notice(&self.sentence(error));
        }
    }

    fn sentence(&self, error: &FunctionError) -> String {
        format!(
            "the function {} does not start: {}",
            self.name(),
            error.error_message
        )
    }

    fn timed_out(&self, request_id: &str) -> FunctionError {
        let seconds = self.launch.timeout.as_secs_f64();
        let now = OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .unwrap_or_default();
        let message = format!("{now} {request_id} Task timed out after {seconds:.2} seconds");
        FunctionError::new("Sandbox.Timedout", message)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn describe(&self, instance: &Arc<Instance>) -> InstanceStatus {
        let started_at = OffsetDateTime::now_utc() - instance.started.elapsed();
        InstanceStatus {
            pid: instance.pid,
            started_at: started_at.format(&Rfc3339).unwrap_or_default(),
            invocations: instance.invocations.load(Ordering::Relaxed),
            idle: self
                .idle
                .iter()
                .any(|(idle, _)| Arc::ptr_eq(idle, instance)),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}
