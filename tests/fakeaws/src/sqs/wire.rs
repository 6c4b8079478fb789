//! SQS at the wire: AWS JSON 1.0 in, the queues' calls, AWS JSON 1.0 out.
//!
//! Owns the operations' shapes and limits. Refuses to know how a message is kept.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderValue;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::attributes::{self, Attributes};
use super::messages::{self, Outgoing};
use super::poll::Ask;
use super::shared::{MESSAGE_BYTES_MAX, existing, invalid, queue_of};
use super::{MESSAGES_PER_CALL_MAX, Message, Sqs, VISIBILITY_TIMEOUT_S_MAX, batch, queues};
use crate::clock::now_ms;
use crate::wire::{Refusal, Reply, input, json_reply};

const DELAY_S_MAX: u32 = 900;
const WAIT_S_MAX: u32 = 20;
const GROUP_ID_CHARACTERS_MAX: usize = 128;

/// Answers one operation, named as in `X-Amz-Target`.
pub(crate) async fn handle(sqs: &Sqs, operation: &str, body: &[u8]) -> Reply {
    let outcome = match operation {
        "SendMessage" => send(sqs, body).await,
        "SendMessageBatch" => send_batch(sqs, body).await,
        "ReceiveMessage" => receive(sqs, body).await,
        "DeleteMessage" => delete(sqs, body).await,
        "DeleteMessageBatch" => delete_batch(sqs, body).await,
        "ChangeMessageVisibility" => hide(sqs, body).await,
        "ChangeMessageVisibilityBatch" => hide_batch(sqs, body).await,
        "GetQueueUrl" => queues::get_url(sqs, body),
        "GetQueueAttributes" => queues::get_attributes(sqs, body).await,
        "CreateQueue" => queues::create(sqs, body).await,
        "ListQueues" => queues::list(sqs, body),
        "PurgeQueue" => queues::purge(sqs, body).await,
        other => Err(unsupported(&format!(
            "The operation {other} is not supported here."
        ))),
    };
    match outcome {
        Ok(body) => json_reply(StatusCode::OK, &body),
        Err(refusal) => {
            let mut reply = refusal.reply();
            let fault = if refusal.is_senders() {
                "Sender"
            } else {
                "Receiver"
            };
            let code = format!("{};{fault}", query_code(refusal.code()));
            if let Ok(code) = HeaderValue::from_str(&code) {
                reply.headers_mut().insert("x-amzn-query-error", code);
            }
            reply
        }
    }
}

/// The code of SQS's older protocol; SDKs still tell its errors apart by it.
fn query_code(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "MessageNotInflight"
        | "UnsupportedOperation"
        | "EmptyBatchRequest"
        | "TooManyEntriesInBatchRequest"
        | "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "InvalidBatchEntryId" => format!("AWS.SimpleQueueService.{code}"),
        other => other.to_owned(),
    }
}

pub(super) fn unsupported(message: &str) -> Refusal {
    Refusal::of("UnsupportedOperation", message)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Send {
    /// The queue of a single send, or the entry's id in a batch.
    #[serde(alias = "Id")]
    queue_url: String,
    message_body: String,
    delay_seconds: Option<u32>,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: Map<String, Value>,
    message_group_id: Option<String>,
    message_deduplication_id: Option<String>,
}

impl Send {
    /// Checks a send. Returns the message to keep and the answer to its sender.
    fn check(self) -> Result<(Outgoing, Value), Refusal> {
        if self.message_body.is_empty() {
            let message = "The request must contain the parameter MessageBody.";
            return Err(Refusal::of("MissingParameter", message));
        }
        if self.message_deduplication_id.is_some() || !self.message_system_attributes.is_empty() {
            return Err(unsupported(
                "Standard queues without system attributes are supported.",
            ));
        }
        if self
            .delay_seconds
            .is_some_and(|delay_s| delay_s > DELAY_S_MAX)
        {
            return Err(invalid("DelaySeconds must be between 0 and 900."));
        }
        let is_group_id = |id: &str| {
            (1..=GROUP_ID_CHARACTERS_MAX).contains(&id.len())
                && id.chars().all(|c| c.is_ascii_graphic())
        };
        if self
            .message_group_id
            .as_deref()
            .is_some_and(|id| !is_group_id(id))
        {
            return Err(invalid(
                "MessageGroupId must be 1 to 128 characters of ASCII.",
            ));
        }
        let size_bytes = self.size_bytes()?;
        if size_bytes > MESSAGE_BYTES_MAX {
            return Err(invalid(format!(
                "One or more parameters are invalid. Reason: Message must be shorter than \
                 {MESSAGE_BYTES_MAX} bytes."
            )));
        }
        let message_id = uuid::Uuid::new_v4().to_string();
        let mut told = json!({
            "MessageId": message_id,
            "MD5OfMessageBody": attributes::md5_hex(self.message_body.as_bytes()),
        });
        if let Some(md5) = attributes::md5_of(&self.message_attributes)? {
            told["MD5OfMessageAttributes"] = md5.into();
        }
        let outgoing = Outgoing {
            message_id,
            body: self.message_body,
            attributes: json!(self.message_attributes),
            group_id: self.message_group_id,
            delay_s: self.delay_seconds,
        };
        Ok((outgoing, told))
    }

    fn size_bytes(&self) -> Result<usize, Refusal> {
        Ok(self.message_body.len() + attributes::size_bytes(&self.message_attributes)?)
    }
}

async fn send(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let send: Send = input(body)?;
    let queue = queue_of(&send.queue_url).to_owned();
    let (outgoing, told) = send.check()?;
    put(sqs, queue, vec![outgoing]).await?;
    Ok(told)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<Entry> {
    queue_url: String,
    entries: Vec<Entry>,
}

async fn send_batch(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let request: Batch<Send> = input(body)?;
    batch::check_ids(request.entries.iter().map(|entry| entry.queue_url.as_str()))?;
    let sizes = request.entries.iter().map(Send::size_bytes);
    if sizes.map(Result::unwrap_or_default).sum::<usize>() > MESSAGE_BYTES_MAX {
        let message = format!("Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes.");
        return Err(Refusal::of("BatchRequestTooLong", message));
    }
    let mut outcome = batch::Outcome::default();
    let mut outgoing = Vec::new();
    for entry in request.entries {
        let id = entry.queue_url.clone();
        outcome.record(
            &id,
            entry.check().map(|(message, told)| {
                outgoing.push(message);
                told
            }),
        );
    }
    put(sqs, queue_of(&request.queue_url).to_owned(), outgoing).await?;
    Ok(outcome.json())
}

async fn put(sqs: &Sqs, queue: String, messages: Vec<Outgoing>) -> Result<(), Refusal> {
    let name = queue.clone();
    sqs.inner
        .sqlite
        .run(move |t| messages::send(t, &name, &messages, now_ms()))
        .await?;
    sqs.announce(&queue);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    queue_url: String,
    max_number_of_messages: Option<u32>,
    visibility_timeout: Option<u32>,
    wait_time_seconds: Option<u32>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

async fn receive(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let receive: Receive = input(body)?;
    let max = receive.max_number_of_messages.unwrap_or(1);
    if !(1..=MESSAGES_PER_CALL_MAX).contains(&max) {
        return Err(invalid("MaxNumberOfMessages must be between 1 and 10."));
    }
    if receive
        .wait_time_seconds
        .is_some_and(|wait_s| wait_s > WAIT_S_MAX)
    {
        return Err(invalid("WaitTimeSeconds must be between 0 and 20."));
    }
    check_visibility_timeout(receive.visibility_timeout)?;
    let ask = Ask {
        max,
        wait: receive
            .wait_time_seconds
            .map(|wait_s| Duration::from_secs(wait_s.into())),
        visibility_timeout_s: receive.visibility_timeout,
    };
    let messages = sqs.poll(queue_of(&receive.queue_url), ask).await?;
    if messages.is_empty() {
        return Ok(json!({}));
    }
    let told: Result<Vec<_>, _> = messages.into_iter().map(|m| told(m, &receive)).collect();
    Ok(json!({ "Messages": told? }))
}

/// A message with the attributes that the receive asked for.
fn told(message: Message, receive: &Receive) -> Result<Value, Refusal> {
    let mut told = json!({
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.md5_of_body,
        "Body": message.body,
    });
    let mut asked = receive
        .attribute_names
        .iter()
        .chain(&receive.message_system_attribute_names);
    let mut system = message.attributes;
    system.retain(|name, _| {
        asked
            .clone()
            .any(|wanted| wanted == "All" || wanted == name)
    });
    if asked.next().is_some() && !system.is_empty() {
        told["Attributes"] = json!(system);
    }
    let attributes: Attributes = serde_json::from_value(message.message_attributes)
        .map_err(|cause| crate::Error::doing("read a message's attributes", cause))?;
    let chosen = attributes::chosen(attributes, &receive.message_attribute_names);
    if let Some(md5) = attributes::md5_of(&chosen)? {
        told["MD5OfMessageAttributes"] = md5.into();
        told["MessageAttributes"] = json!(chosen);
    }
    Ok(told)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Handled {
    /// The queue of a single call, or the entry's id in a batch.
    #[serde(alias = "Id")]
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: Option<u32>,
}

async fn delete(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let delete: Handled = input(body)?;
    sqs.delete_message(queue_of(&delete.queue_url), &delete.receipt_handle)
        .await?;
    Ok(json!({}))
}

async fn delete_batch(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let request: Batch<Handled> = input(body)?;
    batch::check_ids(request.entries.iter().map(|entry| entry.queue_url.as_str()))?;
    let queue = existing(sqs, &request.queue_url)?;
    let mut outcome = batch::Outcome::default();
    for entry in &request.entries {
        let deleted = sqs.delete_message(queue, &entry.receipt_handle).await;
        outcome.record(&entry.queue_url, deleted.map(|()| json!({})));
    }
    Ok(outcome.json())
}

async fn hide(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let hide: Handled = input(body)?;
    hide_one(sqs, queue_of(&hide.queue_url), &hide).await
}

async fn hide_batch(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let request: Batch<Handled> = input(body)?;
    batch::check_ids(request.entries.iter().map(|entry| entry.queue_url.as_str()))?;
    let queue = existing(sqs, &request.queue_url)?;
    let mut outcome = batch::Outcome::default();
    for entry in &request.entries {
        outcome.record(&entry.queue_url, hide_one(sqs, queue, entry).await);
    }
    Ok(outcome.json())
}

async fn hide_one(sqs: &Sqs, queue: &str, hide: &Handled) -> Result<Value, Refusal> {
    check_visibility_timeout(hide.visibility_timeout)?;
    let Some(timeout_s) = hide.visibility_timeout else {
        let message = "The request must contain the parameter VisibilityTimeout.";
        return Err(Refusal::of("MissingParameter", message));
    };
    let timeout = Duration::from_secs(timeout_s.into());
    sqs.hide_message(queue, &hide.receipt_handle, timeout)
        .await?;
    Ok(json!({}))
}

fn check_visibility_timeout(timeout_s: Option<u32>) -> Result<(), Refusal> {
    match timeout_s {
        Some(timeout_s) if timeout_s > VISIBILITY_TIMEOUT_S_MAX => {
            Err(invalid("VisibilityTimeout must be between 0 and 43200."))
        }
        Some(_) | None => Ok(()),
    }
}
