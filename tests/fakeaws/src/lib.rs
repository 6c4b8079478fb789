//! The AWS services that a serverless backend calls, at the wire, in one process.
//!
//! Owns one HTTP listener on 127.0.0.1 that speaks DynamoDB, SQS, SSM parameters, SES mail, S3 and API
//! Gateway's keys as AWS does, and the place of their state. Refuses to know what any of it is used for: no
//! table, queue or bucket has a name here.

#![allow(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "never ships: a test fails with whatever it says"
)]

mod access;
mod api_keys;
mod calls;
mod clock;
mod data;
mod dynamodb;
mod error;
mod fault;
mod mail;
mod operations;
mod parameters;
mod partial;
mod s3;
mod server;
mod sigv4;
mod sqlite;
mod sqs;
mod tables;
mod tally;
mod wire;
mod xml;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};

use calls::Calls;
use data::Data;
use dynamodb::DynamoDb;
use mail::Outbox;
use parameters::Parameters;
use s3::S3;
use server::Services;
use sigv4::Identity;
use sqlite::Sqlite;

pub use access::{Condition, Operator, Role, Statement};
pub use api_keys::{ApiKey, ApiKeySpec, ApiKeys, UsagePlanSpec};
pub use calls::Call;
pub use error::Error;
pub use s3::CorsRule;
pub use sqs::{Message, QueueSpec, QueueStatus, Redrive, Sqs};
pub use tally::Asked;

const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// The settings of the services: their address, the place of their data, and the owner, who may do
/// everything.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory of everything that is kept; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes any.
    pub port: u16,
    /// The region in ARNs and in signatures.
    pub region: String,
    /// The account in ARNs and in queue URLs.
    pub account_id: String,
    /// The access key id that requests must carry.
    pub access_key_id: String,
    /// The secret that S3 signatures are checked against.
    pub secret_access_key: String,
}

/// A message that a caller asked SES to send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mail {
    /// The addresses that it went to.
    pub to: Vec<String>,
    /// The subject line.
    pub subject: String,
    /// The plain part; empty when there is none.
    pub text: String,
    /// The HTML part; empty when there is none.
    pub html: String,
    /// The time at which it was accepted, as RFC 3339 with milliseconds.
    pub created_at: String,
}

/// The running services. A clone is another handle to the same ones; they stop when the last
/// handle is dropped, and [`FakeAws::shutdown`] also waits for that.
#[derive(Clone)]
pub struct FakeAws {
    inner: Arc<Inner>,
}

struct Inner {
    endpoint: String,
    port: u16,
    services: Arc<Services>,
    stopping: CancellationToken,
    tasks: Mutex<Option<JoinSet<()>>>,
    /// Stops the tasks when the last handle goes.
    _stop: DropGuard,
}

impl FakeAws {
    /// Opens the data and starts to listen.
    pub async fn start(config: Config) -> Result<FakeAws, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await;
        let listener = listener.map_err(|cause| {
            if cause.kind() == ErrorKind::AddrInUse {
                return Error::new(format!("port {} is in use", config.port));
            }
            Error::doing(&format!("listen on port {}", config.port), cause)
        })?;
        let address = listener.local_addr();
        let port = address
            .map_err(|cause| Error::doing("listen", cause))?
            .port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let stopping = CancellationToken::new();

        let data = Data::open(config.data.as_deref())?;
        let sqlite = Sqlite::open(data.file("aws.sqlite").as_deref())?;
        let identity = Identity::of(&config);
        let services = Arc::new(Services {
            dynamodb: DynamoDb::open(data.file("dynamodb.sqlite").as_deref())?,
            sqs: Sqs::open(sqlite.clone(), &endpoint, &config, stopping.clone())?,
            parameters: Parameters::open(sqlite.clone(), &config),
            outbox: Outbox::open(sqlite.clone()),
            api_keys: ApiKeys::open(sqlite.clone()),
            s3: S3::open(sqlite, data.objects(), identity.clone())?,
            identity,
            calls: Calls::default(),
            _data: data,
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(server::serve(listener, services.clone(), stopping.clone()));
        tasks.spawn(sweep(services.clone(), stopping.clone()));
        let inner = Inner {
            endpoint,
            port,
            services,
            tasks: Mutex::new(Some(tasks)),
            _stop: stopping.clone().drop_guard(),
            stopping,
        };
        Ok(FakeAws {
            inner: Arc::new(inner),
        })
    }

    /// The base URL of every service, such as `http://127.0.0.1:4566`.
    pub fn endpoint(&self) -> &str {
        &self.inner.endpoint
    }

    /// Adds a role, which may do only what its statements allow.
    pub fn add_role(&self, role: Role) {
        self.inner.services.identity.access().add(role);
    }

    /// The port that was taken.
    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// Creates a table from AWS's `CreateTable` JSON. A table that exists is kept, and gains the
    /// indexes that it lacks; one with another key schema is an error.
    pub async fn create_table(
        &self,
        create: serde_json::Value,
        ttl_attribute: Option<&str>,
    ) -> Result<(), Error> {
        self.inner
            .services
            .dynamodb
            .create_table(create, ttl_attribute)
            .await
    }

    /// Puts items, in DynamoDB's JSON, into a table at once: for tests that need very many of them.
    pub async fn import(&self, table: &str, items: Vec<serde_json::Value>) -> Result<(), Error> {
        self.inner
            .services
            .dynamodb
            .import(table.to_owned(), items)
            .await
    }

    /// Returns an item, in DynamoDB's JSON, by its key: the pattern for what is imported.
    pub async fn item(
        &self,
        table: &str,
        key: serde_json::Value,
    ) -> Result<Option<serde_json::Value>, Error> {
        self.inner.services.dynamodb.item(table, key).await
    }

    /// Creates a bucket unless it exists.
    pub async fn create_bucket(&self, name: &str) -> Result<(), Error> {
        self.inner.services.s3.create_bucket(name).await
    }

    /// Sets what pages of other origins may do with a bucket. Without rules they may do nothing.
    pub fn set_cors(&self, bucket: &str, rules: Vec<CorsRule>) {
        self.inner.services.s3.set_cors(bucket, rules);
    }

    /// Commits each transaction from now on, but tells the first `tries` of its requests that it is under
    /// way.
    pub fn unclear_transactions(&self, tries: u32) {
        self.inner.services.dynamodb.unclear_transactions(tries);
    }

    /// Lets the next `batches` reads of several items leave one of them out, as when its partition is busy.
    pub fn partial_batches(&self, batches: u32) {
        self.inner.services.dynamodb.partial_batches(batches);
    }

    /// Delays S3's answer to each PUT of an object or of a part by this much, until the delay is set again.
    pub fn slow_puts(&self, delay: Duration) {
        self.inner.services.s3.slow_puts(delay);
    }

    /// The queues, for callers in this process.
    pub fn sqs(&self) -> &Sqs {
        &self.inner.services.sqs
    }

    /// API Gateway's API keys, for callers in this process.
    pub fn api_keys(&self) -> &ApiKeys {
        &self.inner.services.api_keys
    }

    /// The keys of a bucket's objects; none when the file cannot be read.
    pub fn object_keys(&self, bucket: &str) -> Vec<String> {
        self.inner.services.s3.keys(bucket)
    }

    /// Counts DynamoDB's calls since the start, by operation, table and index: `Query generations/by_tenant`.
    pub fn dynamodb_counts(&self) -> BTreeMap<String, Asked> {
        self.inner.services.dynamodb.counts()
    }

    /// Records every call of a role from now on, and counts the capacity that DynamoDB's calls consume. Each
    /// answer takes at least `answer_after`, so that calls which do not wait for one another are under way
    /// together.
    pub fn watch_calls(&self, answer_after: Duration) {
        self.inner.services.calls.watch(answer_after);
        self.inner.services.dynamodb.meter();
    }

    /// The calls that were recorded since they were last taken, in the order of their answers.
    pub fn take_calls(&self) -> Vec<Call> {
        self.inner.services.calls.take()
    }

    /// Stores a secure parameter, replacing any older value.
    pub async fn put_parameter(&self, name: &str, value: &str) -> Result<(), Error> {
        self.inner.services.parameters.store(name, value).await
    }

    /// The value of a parameter, decrypted.
    pub async fn get_parameter(&self, name: &str) -> Option<String> {
        self.inner.services.parameters.value(name).await
    }

    /// The last 1,000 mails that were accepted, newest last.
    pub fn mail(&self) -> Vec<Mail> {
        self.inner.services.outbox.mails()
    }

    /// Stops listening and lets running requests end. Waiting receives return empty.
    pub async fn shutdown(&self) {
        self.inner.stopping.cancel();
        let tasks = self
            .inner
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut tasks) = tasks {
            while tasks.join_next().await.is_some() {}
        }
    }
}

/// Does now and then the work that AWS does in its own time: expiry, retention, redrive.
async fn sweep(services: Arc<Services>, stopping: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _tick = ticks.tick() => {
                services.sqs.sweep().await;
                // A failed deletion is tried again at the next tick.
                services.dynamodb.sweep().await.unwrap_or_default();
            }
            () = stopping.cancelled() => return,
        }
    }
}
