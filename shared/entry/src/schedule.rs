//! Scheduled jobs: run, and say what was done.

use std::future::Future;
use std::pin::Pin;

use app::{App, Error};
use lambda_runtime::{LambdaEvent, service_fn};

use crate::boot::{self, Exit};

type Run = Pin<Box<dyn Future<Output = Result<serde_json::Value, Error>> + Send>>;
type Handler = dyn Fn(&'static App) -> Run + Send + Sync;

/// Runs a scheduled job; what it answers is for the people who run it by hand.
pub fn serve<F, Fut>(handle: F) -> Exit
where
    F: Fn(&'static App) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<serde_json::Value, Error>> + Send + 'static,
{
    serve_erased(Box::new(move |app| Box::pin(handle(app))))
}

fn serve_erased(handle: Box<Handler>) -> Exit {
    boot::run(|app| async move {
        let handle: &'static Handler = Box::leak(handle);
        lambda_runtime::run(service_fn(
            move |_: LambdaEvent<serde_json::Value>| async move {
                match handle(app).await {
                    Ok(done) => Ok(done),
                    Err(Error::Faulted(fault)) => {
                        tracing::error!(fault = fault.chain(), "a scheduled job failed");
                        Err(lambda_runtime::Error::from(fault.to_string()))
                    }
                    Err(Error::Refused(refusal)) => {
                        Err(lambda_runtime::Error::from(refusal.to_string()))
                    }
                }
            },
        ))
        .await
    })
}
