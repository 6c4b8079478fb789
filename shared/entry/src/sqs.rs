//! Queue consumers. A batch comes in, and the ids of the messages that must come back go out. A message
//! that fails, or makes the handler panic, does not affect the others.

use std::future::Future;
use std::pin::Pin;

use app::{App, Error};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{LambdaEvent, service_fn};
use queue::correlation;
use serde::de::DeserializeOwned;
use tracing::Instrument as _;

use crate::boot::{self, Exit};
use crate::measure::Measure;

/// A message, with the handle for changing when it comes back.
#[derive(Debug)]
pub struct Delivery<T> {
    /// The content of the message.
    pub message: T,
    /// The handle of this delivery of it.
    pub receipt_handle: String,
}

/// The outcome of handling a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// It is finished, and is deleted.
    Done,
    /// It must come back.
    Again,
}

type Handling = Pin<Box<dyn Future<Output = Result<Disposition, Error>> + Send>>;
type MessageHandler = dyn Fn(&'static App, SqsMessage) -> Handling + Send + Sync;

/// Runs a queue consumer: `handle` takes one message. If it returns a fault, the message comes back.
pub fn serve<T, F, Fut>(handle: F) -> Exit
where
    T: DeserializeOwned + Send + 'static,
    F: Fn(&'static App, Delivery<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Disposition, Error>> + Send + 'static,
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

fn serve_erased(handle: Box<MessageHandler>) -> Exit {
    boot::run(&[], |app| async move {
        let handle: &'static MessageHandler = Box::leak(handle);
        lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
            Ok::<_, std::convert::Infallible>(consume(app, handle, event.payload).await)
        }))
        .await
    })
}

/// Returns the id of the request that a message belongs to, as its sender set it.
fn request_id(message: &SqsMessage) -> String {
    let attribute = message.message_attributes.get(correlation::ATTRIBUTE);
    let text = attribute.and_then(|attribute| attribute.string_value.clone());
    text.unwrap_or_default()
}

async fn consume(
    app: &'static App,
    handle: &'static MessageHandler,
    event: SqsEvent,
) -> SqsBatchResponse {
    let measure = Measure::begin(app);
    let messages = event.records.len();
    let deliveries = event.records.into_iter().map(|message| async move {
        let message_id = message.message_id.clone().unwrap_or_default();
        let request_id = request_id(&message);
        let span = tracing::info_span!("message", message_id, request_id);
        let handling = correlation::on_behalf_of(request_id, handle(app, message));
        // Each message has its own task, so that a panic affects only this message.
        let handled = tokio::spawn(handling.instrument(span)).await;
        // A message that must come back is not a fault: it may only be too early for it.
        let (comes_back, is_fault) = match handled {
            Ok(Ok(Disposition::Done)) => (false, false),
            Ok(Ok(Disposition::Again)) => (true, false),
            Ok(Err(Error::Refused(refusal))) => {
                tracing::error!(message_id, %refusal, "a message was refused");
                (true, true)
            }
            Ok(Err(Error::Faulted(fault))) => {
                tracing::error!(message_id, fault = fault.chain(), "a message comes back");
                (true, true)
            }
            Err(panic) => {
                tracing::error!(message_id, %panic, "a message's handler panicked");
                (true, true)
            }
        };
        (comes_back.then_some(message_id), is_fault)
    });
    let handled = futures::future::join_all(deliveries).await;
    let faults = handled.iter().filter(|(_, is_fault)| *is_fault).count();
    let [messages, faults] = [messages, faults].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    measure.end("", messages, faults);
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = handled
        .into_iter()
        .filter_map(|(id, _)| id)
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    response
}
