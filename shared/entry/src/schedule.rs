//! Scheduled jobs: running them, and reporting what was done.

use std::future::Future;
use std::pin::Pin;

use app::{App, Error};
use domain::Refusal;
use lambda_runtime::{LambdaEvent, service_fn};

use crate::boot::{self, Exit};
use crate::failed::Failed;
use crate::measure::Measure;

type RunFuture = Pin<Box<dyn Future<Output = Result<serde_json::Value, Error>> + Send>>;
type ScheduleHandler = dyn Fn(&'static App, serde_json::Value) -> RunFuture + Send + Sync;

/// Runs a scheduled job. Its result is for people who run it by hand.
pub fn serve<F, Fut>(handle: F) -> Exit
where
    F: Fn(&'static App) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<serde_json::Value, Error>> + Send + 'static,
{
    serve_erased(Box::new(move |app, _| Box::pin(handle(app))))
}

/// Runs a scheduled job that people can also run by hand with a request of their own. `handle` is given the
/// invocation's payload, which is the schedule's own event otherwise.
pub fn serve_asked<F, Fut>(handle: F) -> Exit
where
    F: Fn(&'static App, serde_json::Value) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<serde_json::Value, Error>> + Send + 'static,
{
    serve_erased(Box::new(move |app, payload| Box::pin(handle(app, payload))))
}

fn serve_erased(handle: Box<ScheduleHandler>) -> Exit {
    boot::run(&[], |app| async move {
        let handle: &'static ScheduleHandler = Box::leak(handle);
        lambda_runtime::run(service_fn(
            move |event: LambdaEvent<serde_json::Value>| async move {
                let measure = Measure::begin(app);
                let done = handle(app, event.payload).await;
                measure.end("", 1, u32::from(matches!(done, Err(Error::Faulted(_)))));
                match done {
                    Ok(done) => Ok(done),
                    Err(Error::Faulted(fault)) => {
                        tracing::error!(fault = fault.chain(), "a scheduled job failed");
                        Err(fault.into())
                    }
                    Err(Error::Refused(refusal)) => Err(Failed::refused(words(&refusal))),
                }
            },
        ))
        .await
    })
}

/// Returns a refusal in words, with the wrong fields, for people who run the job by hand.
fn words(refusal: &Refusal) -> String {
    let Refusal::Invalid(errors) = refusal else {
        return refusal.to_string();
    };
    let word = |error: &domain::FieldError| format!("{} {}", error.field, error.message);
    errors.iter().map(word).collect::<Vec<_>>().join("; ")
}
