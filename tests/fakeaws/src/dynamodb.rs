//! DynamoDB: AWS's operations and errors, answered by the embedded engine.
//!
//! Owns the threads on which the engine runs, and the faults that tests ask for. Refuses to know any table.
//! Streams are not offered: the engine's writes slow down as a stream grows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dynoxide::{Database, DynoxideError, ImportOptions};
use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::operations::answer;
use crate::partial::Partial;
use crate::tally::{Asked, Tally};
use crate::wire::{Refusal, Reply, text_reply};
use crate::{Error, tables};

/// The engine has one lock, so more threads than this would only wait for it.
const THREADS_MAX: usize = 4;

/// The tables. Clones share them.
#[derive(Clone)]
pub(crate) struct DynamoDb {
    database: Database,
    threads: Arc<Semaphore>,
    tally: Tally,
    unclear: Unclear,
    partial: Partial,
    is_metered: Arc<AtomicBool>,
}

impl DynamoDb {
    /// Opens the file, or a database in memory when there is no file.
    pub(crate) fn open(file: Option<&Path>) -> Result<Self, Error> {
        let failed = |cause: DynoxideError| Error::doing("open dynamodb.sqlite", cause);
        let database = match file {
            Some(file) => {
                let database = Database::new(&file.to_string_lossy()).map_err(failed)?;
                // The engine offers no other way to `synchronous = NORMAL`: a commit is left with the
                // operating system, where a killed process cannot lose it.
                database.disable_bulk_loading().map_err(failed)?;
                database
            }
            None => Database::memory().map_err(failed)?,
        };
        Ok(Self {
            database,
            threads: Arc::new(Semaphore::new(THREADS_MAX)),
            tally: Tally::default(),
            unclear: Unclear::default(),
            partial: Partial::default(),
            is_metered: Arc::default(),
        })
    }

    /// Answers one operation, named as in `X-Amz-Target`.
    pub(crate) async fn handle(&self, operation: &str, body: Bytes) -> Reply {
        let operation = operation.to_owned();
        let tally = self.tally.clone();
        let is_unclear = operation == "TransactWriteItems" && self.unclear.hides(&body);
        let cut = match operation.as_str() {
            "BatchGetItem" => self.partial.cut(&body),
            _ => None,
        };
        let (body, left) = match cut {
            Some((body, left)) => (Bytes::from(body), Some(left)),
            None => (body, None),
        };
        let body = match self.is_metered.load(Ordering::Relaxed) {
            true => metered(body),
            false => body,
        };
        let work = move |database: &Database| {
            let outcome = answer(database, &operation, &body);
            let outcome = outcome.map(|json| with_unprocessed(json, left));
            if let Ok(json) = &outcome {
                tally.count(&operation, &body, json);
            }
            outcome
        };
        let outcome = self.run(work).await;
        match outcome {
            Ok(Ok(_)) if is_unclear => {
                let body = json!({
                    "__type": "com.amazonaws.dynamodb.v20120810#TransactionInProgressException",
                    "Message": "The transaction with the given request token is already in progress.",
                });
                let status = StatusCode::BAD_REQUEST;
                text_reply(status, "application/x-amz-json-1.0", body.to_string())
            }
            Ok(Ok(json)) => text_reply(StatusCode::OK, "application/x-amz-json-1.0", json),
            Ok(Err(refusal)) => {
                let status = StatusCode::from_u16(refusal.status_code());
                let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                text_reply(status, "application/x-amz-json-1.0", refusal.to_json())
            }
            Err(error) => Refusal::from(error).reply(),
        }
    }

    /// Counts the capacity that calls consume from now on.
    pub(crate) fn meter(&self) {
        self.is_metered.store(true, Ordering::Relaxed);
    }

    /// Lets the next `batches` batches be read in part only.
    pub(crate) fn partial_batches(&self, batches: u32) {
        self.partial.set(batches);
    }

    /// Commits each transaction from now on, but tells the first `tries` of its requests that it is under
    /// way.
    pub(crate) fn unclear_transactions(&self, tries: u32) {
        self.unclear.tries.store(tries, Ordering::Relaxed);
    }

    /// The counts of all calls so far.
    pub(crate) fn counts(&self) -> BTreeMap<String, Asked> {
        self.tally.counts()
    }

    /// Makes a table as `create` says, keeping one that exists.
    pub(crate) async fn create_table(
        &self,
        create: Value,
        ttl_attribute: Option<&str>,
    ) -> Result<(), Error> {
        let ttl_attribute = ttl_attribute.map(str::to_owned);
        let create =
            move |database: &Database| tables::ensure(database, create, ttl_attribute.as_deref());
        self.run(create).await?
    }

    /// Puts items, in DynamoDB's JSON, into a table at once, as an import from S3 would.
    pub(crate) async fn import(&self, table: String, items: Vec<Value>) -> Result<(), Error> {
        let doing = "import items";
        let items = items
            .into_iter()
            .map(serde_json::from_value)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|cause| Error::doing(doing, cause))?;
        let import = move |database: &Database| {
            database.import_items(&table, items, ImportOptions::default())
        };
        let imported = self.run(import).await?;
        imported
            .map(drop)
            .map_err(|cause| Error::doing(doing, cause))
    }

    /// Returns an item by its key, both in DynamoDB's JSON.
    pub(crate) async fn item(&self, table: &str, key: Value) -> Result<Option<Value>, Error> {
        let cannot = |cause: String| Error::doing("read an item", cause);
        let request = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        let request = serde_json::from_value(request).map_err(|cause| cannot(cause.to_string()))?;
        let found = self.run(move |database: &Database| database.get_item(request));
        let found = found.await?.map_err(|cause| cannot(cause.to_string()))?;
        let item = found.item.map(serde_json::to_value).transpose();
        item.map_err(|cause| cannot(cause.to_string()))
    }

    /// Deletes expired items, which AWS does now and then.
    pub(crate) async fn sweep(&self) -> Result<(), Error> {
        let swept = self.run(Database::sweep_ttl).await?;
        swept
            .map(|_count| ())
            .map_err(|cause| Error::doing("delete expired items", cause))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let doing = "run a DynamoDB operation";
        let turn = self.threads.clone().acquire_owned().await;
        let turn = turn.map_err(|cause| Error::doing(doing, cause))?;
        let database = self.database.clone();
        let work = move || {
            let outcome = work(&database);
            drop(turn);
            outcome
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|cause| Error::doing(doing, cause))
    }
}

/// Transactions that are committed while their client is told that they are under way. AWS answers so when a
/// client timed out before its answer came and asks again.
#[derive(Clone, Default)]
struct Unclear {
    tries: Arc<AtomicU32>,
    seen: Arc<Mutex<BTreeMap<String, u32>>>,
}

impl Unclear {
    /// Whether the answer to this request is hidden.
    fn hides(&self, body: &[u8]) -> bool {
        let tries = self.tries.load(Ordering::Relaxed);
        if tries == 0 {
            return false;
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(token) = body["ClientRequestToken"].as_str() else {
            return false;
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.entry(token.to_owned()).or_default();
        *count += 1;
        *count <= tries
    }
}

/// Adds the unprocessed part of a batch to its answer.
fn with_unprocessed(answer: String, left: Option<Value>) -> String {
    let Some(left) = left else { return answer };
    let mut answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    answer["UnprocessedKeys"] = left;
    answer.to_string()
}

/// Makes a request ask for the capacity that it consumes. An unreadable request is left as it is.
fn metered(body: Bytes) -> Bytes {
    let Ok(Value::Object(mut request)) = serde_json::from_slice(&body) else {
        return body;
    };
    request.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
    Bytes::from(Value::Object(request).to_string())
}
