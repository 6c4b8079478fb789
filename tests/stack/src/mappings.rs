//! Event-source mappings: takes messages from queues and gives them to functions.
//!
//! Owns batches, their concurrency, and the fate of messages that failed. Refuses to know the content of a
//! message.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fakeaws::{FakeAws, Message};
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::log::{End, Sink};
use crate::runtime::{Failure, Pool};
use crate::template::functions::QueueEvent;

/// The most messages that one receive brings.
const RECEIVED_MAX: u32 = 10;
/// The time that one receive waits: the longest that SQS allows.
const RECEIVE_WAIT: Duration = Duration::from_secs(20);
/// The pause after the queue could not be read.
const REST: Duration = Duration::from_secs(1);

/// A queue and the function that its messages go to.
pub struct Mapping {
    /// The function.
    pub function: Arc<Pool>,
    /// The mapping's settings in the template.
    pub event: QueueEvent,
    /// The most calls that run at once.
    pub concurrency_max: usize,
    /// The AWS Region that messages name as their origin.
    pub region: String,
    /// The queues.
    pub aws: FakeAws,
    /// The sink for failures.
    pub log: Sink,
}

impl Mapping {
    /// Serves the queue until `token` is cancelled; the calls themselves run on `tasks`.
    pub async fn run(self, token: CancellationToken, tasks: TaskTracker) {
        let mapping = Arc::new(self);
        mapping.take_over().await;
        let slots = Arc::new(Semaphore::new(mapping.concurrency_max));
        while let Some(Ok(slot)) = token
            .run_until_cancelled(Arc::clone(&slots).acquire_owned())
            .await
        {
            // A receive is never cut short: its messages would be hidden without a receiver.
            let batch = mapping.gather(&token).await;
            if batch.is_empty() {
                continue;
            }
            let mapping = Arc::clone(&mapping);
            tasks.spawn(async move {
                mapping.deliver(batch).await;
                drop(slot);
            });
        }
    }

    /// Makes messages visible that an earlier run was killed over. Nobody is left who could delete them, and
    /// they would stay hidden for as long as their function might have taken, and longer.
    async fn take_over(&self) {
        let queue = &self.event.queue;
        if let Err(problem) = self.aws.sqs().release(queue).await {
            let line = format!("cannot take over the messages of {queue}: {problem}");
            self.log.notice(&line);
        }
    }

    /// Receives messages: the first ones, and for a while those that fill the batch.
    async fn gather(&self, token: &CancellationToken) -> Vec<Message> {
        let mut batch: Vec<Message> = Vec::new();
        let mut deadline: Option<Instant> = None;
        loop {
            let missing = self
                .event
                .batch_size
                .saturating_sub(u32::try_from(batch.len()).unwrap_or(u32::MAX));
            let wait = match deadline {
                None => RECEIVE_WAIT,
                Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            };
            if missing == 0 || (deadline.is_some() && wait.is_zero()) || token.is_cancelled() {
                return batch;
            }
            let receive =
                self.aws
                    .sqs()
                    .receive(&self.event.queue, missing.min(RECEIVED_MAX), wait);
            match token.run_until_cancelled(receive).await {
                None => return batch,
                Some(Ok(messages)) => batch.extend(messages),
                Some(Err(problem)) => {
                    self.log.notice(&format!(
                        "cannot read the queue {}: {problem}",
                        self.event.queue
                    ));
                    token.run_until_cancelled(tokio::time::sleep(REST)).await;
                    return batch;
                }
            }
            if batch.is_empty() || self.event.window.is_zero() {
                return batch;
            }
            deadline.get_or_insert_with(|| Instant::now() + self.event.window);
        }
    }

    /// Gives a batch to the function, and deletes the messages that it handled. A failed message becomes
    /// visible again in its own time.
    async fn deliver(&self, batch: Vec<Message>) {
        let event = json!({ "Records": batch.iter().map(|m| self.record(m)).collect::<Vec<_>>() });
        let payload = Bytes::from(event.to_string());
        let started = Instant::now();
        let failed = match self.function.invoke(payload).await {
            Ok(output) if self.event.partial_failures => failures(&output, &batch),
            Ok(_) => Ok(BTreeSet::new()),
            Err(Failure::Stopping) => return self.put_back(&batch).await,
            Err(failure @ (Failure::Function(_) | Failure::Throttled)) => {
                Err(failure.message().to_owned())
            }
        };
        let what = match batch.len() {
            1 => format!("a message of {}", self.event.queue),
            count => format!("{count} messages of {}", self.event.queue),
        };
        let end = match &failed {
            Ok(failed) if failed.is_empty() => End::Done,
            Ok(_) => End::ComesBack,
            Err(reason) => End::Failed(reason),
        };
        let function = self.function.name();
        self.log.happened(&what, end, started.elapsed(), function);
        let failed = match failed {
            Ok(failed) => failed,
            Err(reason) => {
                return self
                    .log
                    .keep_line(function, &format!("{what} failed: {reason}"));
            }
        };
        for message in batch
            .iter()
            .filter(|message| !failed.contains(&message.message_id))
        {
            let deleted = self
                .aws
                .sqs()
                .delete(&self.event.queue, &message.receipt_handle)
                .await;
            if let Err(problem) = deleted {
                self.log.notice(&format!(
                    "cannot delete from {}: {problem}",
                    self.event.queue
                ));
            }
        }
    }

    /// Makes a batch visible at once. The local cloud ends its functions when it stops, and nobody else will
    /// finish these messages: the next start should not have to wait until they become visible.
    async fn put_back(&self, batch: &[Message]) {
        for message in batch {
            let handle = &message.receipt_handle;
            // If it fails, the message comes back by itself, only later.
            let _ = self
                .aws
                .sqs()
                .change_visibility(&self.event.queue, handle, Duration::ZERO)
                .await;
        }
    }

    /// A message in the form of Lambda's event for SQS.
    fn record(&self, message: &Message) -> Value {
        json!({
            "messageId": message.message_id,
            "receiptHandle": message.receipt_handle,
            "body": message.body,
            "attributes": message.attributes,
            "messageAttributes": lambda_attributes(&message.message_attributes),
            "md5OfBody": message.md5_of_body,
            "eventSource": "aws:sqs",
            "eventSourceARN": self.aws.sqs().queue_arn(&self.event.queue),
            "awsRegion": self.region,
        })
    }
}

/// Renames the parts of attributes: SQS says `StringValue`, and Lambda says `stringValue`.
fn lambda_attributes(attributes: &Value) -> Value {
    let Some(attributes) = attributes.as_object() else {
        return json!({});
    };
    let lower = |(key, value): (&String, &Value)| {
        let mut letters = key.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        (
            first.into_iter().chain(letters).collect::<String>(),
            value.clone(),
        )
    };
    attributes
        .iter()
        .map(|(name, parts)| {
            let parts: Map<String, Value> =
                parts.as_object().into_iter().flatten().map(lower).collect();
            (name.clone(), Value::Object(parts))
        })
        .collect::<Map<String, Value>>()
        .into()
}

#[derive(Deserialize)]
struct Report {
    #[serde(rename = "batchItemFailures", default)]
    failures: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "itemIdentifier")]
    id: String,
}

/// Reads the ids of the messages that the function reports as failed. A report that makes no sense fails the
/// batch.
fn failures(output: &[u8], batch: &[Message]) -> Result<BTreeSet<String>, String> {
    let report: Option<Report> = match output {
        [] => None,
        output => serde_json::from_slice(output)
            .map_err(|problem| format!("its report of failures cannot be read: {problem}"))?,
    };
    let items = report
        .and_then(|report| report.failures)
        .unwrap_or_default();
    let known = |id: &str| batch.iter().any(|message| message.message_id == id);
    if let Some(unknown) = items.iter().find(|item| !known(&item.id)) {
        return Err(format!(
            "it reports the message {:?}, which is not in the batch",
            unknown.id
        ));
    }
    Ok(items.into_iter().map(|item| item.id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Vec<Message> {
        let message = |id: &str| Message {
            message_id: id.to_owned(),
            receipt_handle: String::new(),
            body: String::new(),
            md5_of_body: String::new(),
            attributes: Default::default(),
            message_attributes: Value::Null,
        };
        vec![message("a"), message("b")]
    }

    #[test]
    fn a_report_names_the_messages_that_failed() {
        let cases: [(&str, &[&str]); 7] = [
            ("", &[]),
            ("null", &[]),
            ("{}", &[]),
            (r#"{"batchItemFailures":null}"#, &[]),
            (r#"{"batchItemFailures":[]}"#, &[]),
            (r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, &["b"]),
            (
                r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#,
                &["a", "b"],
            ),
        ];
        for (output, expected) in cases {
            let failed = failures(output.as_bytes(), &batch()).unwrap();
            assert!(
                failed
                    .iter()
                    .map(String::as_str)
                    .eq(expected.iter().copied()),
                "{output}"
            );
        }
    }

    #[test]
    fn a_report_that_makes_no_sense_fails_the_batch() {
        let cases = [
            r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{}]}"#,
            r#"{"batchItemFailures":{}}"#,
            r#""text""#,
        ];
        for output in cases {
            assert!(failures(output.as_bytes(), &batch()).is_err(), "{output}");
        }
    }

    #[test]
    fn attributes_are_named_as_lambda_names_them() {
        let attributes = json!({ "Kind": { "StringValue": "x", "DataType": "String" } });
        let expected = json!({ "Kind": { "stringValue": "x", "dataType": "String" } });
        assert_eq!(lambda_attributes(&attributes), expected);
        assert_eq!(lambda_attributes(&Value::Null), json!({}));
    }
}
