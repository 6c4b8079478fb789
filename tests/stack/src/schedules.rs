//! Calls functions when their schedules are due.
//!
//! Owns the waiting and the scheduler's event. Refuses to know the notation of a schedule.

use std::sync::Arc;
use std::time::Instant;

use hyper::body::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::log::{End, Sink};
use crate::runtime::Pool;
use crate::template::functions::ScheduleEvent;
use crate::template::resources::Place;

/// A schedule and the function that it calls.
#[derive(Clone)]
pub struct Scheduled {
    /// The function.
    pub function: Arc<Pool>,
    /// The schedule's settings in the template.
    pub event: ScheduleEvent,
    /// The pretended place of the schedule.
    pub place: Place,
    /// The sink for failures.
    pub log: Sink,
}

impl Scheduled {
    /// Calls the function at each due time, until `token` is cancelled.
    pub async fn run(self, token: CancellationToken, tasks: TaskTracker) {
        if !self.event.enabled {
            return;
        }
        let mut last = OffsetDateTime::now_utc();
        while let Some(due) = self.event.schedule.next_after(last) {
            // A laptop that slept must not make up for every time that it missed.
            let now = OffsetDateTime::now_utc();
            last = due.max(now);
            let wait = (due - now).try_into().unwrap_or_default();
            if token
                .run_until_cancelled(tokio::time::sleep(wait))
                .await
                .is_none()
            {
                return;
            }
            let scheduled = self.clone();
            tasks.spawn(async move {
                let started = Instant::now();
                let outcome = scheduled.call(scheduled.payload(due)).await;
                let end = match &outcome {
                    Ok(_) => End::Done,
                    Err(message) => End::Failed(message),
                };
                let function = scheduled.function.name();
                let what = format!("the schedule {}", scheduled.event.name);
                scheduled
                    .log
                    .happened(&what, end, started.elapsed(), function);
                if let Err(message) = outcome {
                    let line = format!("the scheduled run failed: {message}");
                    scheduled.log.keep_line(function, &line);
                }
            });
        }
    }

    /// Calls the function now, with `asked` or else with the schedule's event, and returns the outcome.
    pub async fn run_now(&self, asked: Option<Bytes>) -> Value {
        let started = Instant::now();
        let event = || self.payload(OffsetDateTime::now_utc());
        let outcome = self.call(asked.unwrap_or_else(event)).await;
        let duration_ms = started.elapsed().as_millis();
        match outcome {
            Ok(result) => {
                json!({ "status": "succeeded", "result": result, "duration_ms": duration_ms })
            }
            Err(error) => json!({ "status": "failed", "error": error, "duration_ms": duration_ms }),
        }
    }

    async fn call(&self, payload: Bytes) -> Result<Value, String> {
        let output = self.function.invoke(payload).await;
        let output = output.map_err(|failure| failure.message().to_owned())?;
        Ok(serde_json::from_slice(&output).unwrap_or(Value::Null))
    }

    /// The schedule's own input, or the event that EventBridge Scheduler sends without one.
    fn payload(&self, time: OffsetDateTime) -> Bytes {
        let event = || {
            json!({
                "version": "0",
                "id": Uuid::new_v4().to_string(),
                "detail-type": "Scheduled Event",
                "source": "aws.scheduler",
                "account": self.place.account_id,
                "time": time.format(&Rfc3339).unwrap_or_default(),
                "region": self.place.region,
                "resources": [self.place.arn("scheduler", &format!("schedule/default/{}", self.event.name))],
                "detail": "{}",
            })
            .to_string()
        };
        Bytes::from(self.event.input.clone().unwrap_or_else(event))
    }
}
