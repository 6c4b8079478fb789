//! Queue consumers: a batch in, the ids of those that must come back out. One message that fails, or makes the
//! handler panic, never takes the others with it.

use std::future::Future;
use std::pin::Pin;

use app::{App, Error};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::DeserializeOwned;

use crate::boot::{self, Exit};

/// A message, with what is needed to change when it comes back.
#[derive(Debug)]
pub struct Delivery<T> {
    /// What it says.
    pub message: T,
    /// Names this delivery of it.
    pub receipt_handle: String,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It is done with.
    Done,
    /// It must come back.
    Again,
}

type Handling = Pin<Box<dyn Future<Output = Result<Handled, Error>> + Send>>;
type Handler = dyn Fn(&'static App, SqsMessage) -> Handling + Send + Sync;

/// Runs a queue consumer: `handle` takes one message. A fault lets the message come back.
pub fn serve<T, F, Fut>(handle: F) -> Exit
where
    T: DeserializeOwned + Send + 'static,
    F: Fn(&'static App, Delivery<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Handled, Error>> + Send + 'static,
{
    serve_erased(Box::new(move |app, message| match read(message) {
        Ok(delivery) => Box::pin(handle(app, delivery)),
        Err(fault) => Box::pin(async move { Err(Error::Faulted(fault)) }),
    }))
}

fn read<T: DeserializeOwned>(message: SqsMessage) -> Result<Delivery<T>, aws::Fault> {
    let doing = "reading a queue message";
    let body = message.body.unwrap_or_default();
    let receipt_handle = message.receipt_handle.unwrap_or_default();
    let message = serde_json::from_str(&body).map_err(aws::Fault::doing(doing))?;
    Ok(Delivery {
        message,
        receipt_handle,
    })
}

fn serve_erased(handle: Box<Handler>) -> Exit {
    boot::run(|app| async move {
        let handle: &'static Handler = Box::leak(handle);
        lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
            Ok::<_, std::convert::Infallible>(consume(app, handle, event.payload).await)
        }))
        .await
    })
}

async fn consume(app: &'static App, handle: &'static Handler, event: SqsEvent) -> SqsBatchResponse {
    let deliveries = event.records.into_iter().map(|message| async move {
        let message_id = message.message_id.clone().unwrap_or_default();
        // A task of its own, so that a panic is this message's alone.
        let handled = tokio::spawn(handle(app, message)).await;
        let comes_back = match handled {
            Ok(Ok(Handled::Done)) => false,
            Ok(Ok(Handled::Again)) => true,
            Ok(Err(Error::Refused(refusal))) => {
                tracing::error!(message_id, %refusal, "a message was refused");
                true
            }
            Ok(Err(Error::Faulted(fault))) => {
                tracing::error!(message_id, fault = fault.chain(), "a message comes back");
                true
            }
            Err(panic) => {
                tracing::error!(message_id, %panic, "a message's handler panicked");
                true
            }
        };
        comes_back.then_some(message_id)
    });
    let failed = futures::future::join_all(deliveries)
        .await
        .into_iter()
        .flatten();
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failed
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}
