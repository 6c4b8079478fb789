//! Standard queues: the promises of SQS, in process and at the wire.
//!
//! Owns visibility, delay, redelivery, redrive and retention. Refuses to know what a body means and who
//! polls.

mod attributes;
mod batch;
mod messages;
mod poll;
mod queues;
mod shared;
mod status;
mod store;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use wire::handle;

use crate::clock::now_ms;
use crate::sqlite::Sqlite;
use crate::wire::Refusal;
use crate::{Config, Error};

/// AWS's bound on one receive and on one batch.
const MESSAGES_PER_CALL_MAX: u32 = 10;
/// AWS's bound on the time for which a message may be hidden.
const VISIBILITY_TIMEOUT_S_MAX: u32 = 43_200;

/// The wanted state of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    /// The queue's name.
    pub name: String,
    /// The time for which a received message stays hidden.
    pub visibility_timeout_s: u32,
    /// The time for which an undeleted message is kept.
    pub retention_s: u32,
    /// The time for which a new message stays hidden.
    pub delay_s: u32,
    /// The time for which a receive waits, unless it sets its own.
    pub receive_wait_s: u32,
    /// The queue for messages that are received too often.
    pub redrive: Option<Redrive>,
}

/// The number of receives after which a message is given up, and the queue that then takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// The name of the queue that takes messages that were given up.
    pub dead_letter_queue: String,
    /// The number of times that a message may be received before that.
    pub max_receive_count: u32,
}

/// A received message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The id that the send returned.
    pub message_id: String,
    /// The proof that the receiver must show to delete the message or to hide it longer.
    pub receipt_handle: String,
    /// The body, as it was sent.
    pub body: String,
    /// The body's MD5, in hex.
    pub md5_of_body: String,
    /// AWS's own attributes, by AWS's names: `ApproximateReceiveCount`, `SentTimestamp` and so on.
    pub attributes: BTreeMap<String, String>,
    /// The sender's attributes, in AWS's JSON; an empty object when there are none.
    pub message_attributes: serde_json::Value,
}

/// The numbers of messages that are in a queue, and that went through it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueStatus {
    /// The queue's name.
    pub name: String,
    /// Messages that a receive would return now.
    pub visible: u64,
    /// Messages that were received and are neither deleted nor visible again.
    pub in_flight: u64,
    /// Messages whose delay is not over.
    pub delayed: u64,
    /// The age of the oldest message; 0 when there is none.
    pub oldest_age_s: u64,
    /// Messages sent since the queue was created.
    pub sent: u64,
    /// Messages received since the queue was created, redeliveries included.
    pub received: u64,
    /// Messages deleted since the queue was created.
    pub deleted: u64,
}

/// The queues. A clone is another handle to the same ones.
#[derive(Clone)]
pub struct Sqs {
    inner: Arc<Inner>,
}

struct Inner {
    sqlite: Sqlite,
    endpoint: String,
    region: String,
    account_id: String,
    /// Wakes the receives that wait at a queue. Every queue has one.
    arrivals: Mutex<HashMap<String, Arc<Notify>>>,
    stopping: CancellationToken,
}

impl Sqs {
    /// The queues that `sqlite` holds.
    pub(crate) fn open(
        sqlite: Sqlite,
        endpoint: &str,
        config: &Config,
        stopping: CancellationToken,
    ) -> Result<Self, Error> {
        let names = sqlite.run_here(|t| store::queue_names(t).map_err(Error::from))?;
        let arrivals = names
            .into_iter()
            .map(|name| (name, Arc::default()))
            .collect();
        let inner = Inner {
            sqlite,
            endpoint: endpoint.to_owned(),
            region: config.region.clone(),
            account_id: config.account_id.clone(),
            arrivals: Mutex::new(arrivals),
            stopping,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Creates a queue, or gives an existing one these attributes. Its dead-letter queue must
    /// exist already.
    pub async fn create_queue(&self, spec: QueueSpec) -> Result<(), Error> {
        self.put_queue(spec)
            .await
            .map_err(|refusal| Error::new(refusal.message()))
    }

    /// The URL by which clients name a queue.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.inner.endpoint, self.inner.account_id)
    }

    /// The ARN by which policies and mappings name a queue.
    pub fn queue_arn(&self, name: &str) -> String {
        format!(
            "arn:aws:sqs:{}:{}:{name}",
            self.inner.region, self.inner.account_id
        )
    }

    /// Receives up to `max` messages (at most 10), waiting up to `wait` for the first.
    pub async fn receive(
        &self,
        name: &str,
        max: u32,
        wait: Duration,
    ) -> Result<Vec<Message>, Error> {
        let ask = poll::Ask {
            max: max.clamp(1, MESSAGES_PER_CALL_MAX),
            wait: Some(wait),
            visibility_timeout_s: None,
        };
        self.poll(name, ask)
            .await
            .map_err(|refusal| Error::new(refusal.message()))
    }

    /// Deletes a received message. Does nothing for a receipt that a later receive replaced.
    pub async fn delete(&self, name: &str, receipt_handle: &str) -> Result<(), Error> {
        self.delete_message(name, receipt_handle)
            .await
            .map_err(|refusal| Error::new(refusal.message()))
    }

    /// Hides a received message for `timeout` from now; zero makes it visible at once.
    pub async fn change_visibility(
        &self,
        name: &str,
        receipt_handle: &str,
        timeout: Duration,
    ) -> Result<(), Error> {
        self.hide_message(name, receipt_handle, timeout)
            .await
            .map_err(|refusal| Error::new(refusal.message()))
    }

    /// Makes every received message visible at once, for a caller who knows that the receivers are gone.
    pub async fn release(&self, name: &str) -> Result<(), Error> {
        let queue = name.to_owned();
        let work = move |t: &rusqlite::Transaction<'_>| messages::release(t, &queue, now_ms());
        self.inner.sqlite.run(work).await?;
        self.announce(name);
        Ok(())
    }

    /// The status of every queue, by name; none when the file cannot be read.
    pub async fn status(&self) -> Vec<QueueStatus> {
        let work = |t: &rusqlite::Transaction<'_>| status::status(t, now_ms());
        match self.inner.sqlite.run(work).await {
            Ok((queues, redriven)) => {
                redriven.iter().for_each(|name| self.announce(name));
                queues
            }
            Err(Error { .. }) => Vec::new(),
        }
    }

    /// Deletes messages that are past their retention and moves those that were received too often, in every
    /// queue.
    pub(crate) async fn sweep(&self) {
        self.status().await;
    }

    async fn put_queue(&self, spec: QueueSpec) -> Result<(), Refusal> {
        let name = spec.name.clone();
        self.inner
            .sqlite
            .run(move |t| store::put_queue(t, &spec, now_ms()))
            .await?;
        self.arrivals().entry(name.clone()).or_default();
        self.announce(&name);
        Ok(())
    }

    async fn delete_message(&self, name: &str, receipt_handle: &str) -> Result<(), Refusal> {
        let receipt = messages::Receipt::parse(receipt_handle)?;
        let name = name.to_owned();
        self.inner
            .sqlite
            .run(move |t| messages::delete(t, &name, &receipt))
            .await
    }

    async fn hide_message(
        &self,
        name: &str,
        receipt_handle: &str,
        timeout: Duration,
    ) -> Result<(), Refusal> {
        let receipt = messages::Receipt::parse(receipt_handle)?;
        let timeout_ms = timeout.min(Duration::from_secs(VISIBILITY_TIMEOUT_S_MAX.into()));
        let timeout_ms = i64::try_from(timeout_ms.as_millis()).unwrap_or(i64::MAX);
        let queue = name.to_owned();
        let work = move |t: &rusqlite::Transaction<'_>| {
            messages::hide(t, &queue, &receipt, now_ms(), timeout_ms)
        };
        self.inner.sqlite.run(work).await?;
        self.announce(name);
        Ok(())
    }

    /// Tells the receives that wait at a queue to look again.
    fn announce(&self, name: &str) {
        if let Some(arrivals) = self.arrivals().get(name) {
            arrivals.notify_waiters();
        }
    }

    fn arrivals(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.inner
            .arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
