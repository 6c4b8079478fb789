//! A stand-in for fal.ai: the same queue protocol, the same signed webhooks, real media.
//!
//! Owns one HTTP listener on 127.0.0.1, the jobs that it accepted, the `[[directives]]` of a prompt that
//! script its job, and the moods that script the whole account. The README of this crate,
//! `tests/fakefal/README.md`, describes every directive and mood. Refuses to know who calls it, and the use
//! of what it makes.

mod answers;
mod clock;
mod directives;
mod files;
mod media;
mod moods;
mod output;
mod replies;
mod requests;
mod server;
mod store;
mod submit;
mod units;
mod webhooks;
mod wire;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use answers::{Answer, UnknownAnswer};
pub use moods::Mood;

use files::FileCache;
use store::{Kept, Store};
use webhooks::Signer;

/// The time that a stop waits for requests that are being answered.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The stand-in's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The directory of its jobs and pending webhooks; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes any.
    pub port: u16,
    /// The key that callers must show.
    pub key: String,
    /// Endpoints that it answers with 404, as fal does once a model is retired.
    pub retired: Vec<String>,
    /// The most jobs that may work at a time, if there is a limit: fal has one for each account. The others
    /// wait in the order in which they came. A [`Mood`] may set another limit.
    pub concurrency: Option<u32>,
}

/// The reason, in one sentence, why the stand-in could not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub(crate) String);

/// A job that was accepted.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// Its id.
    pub request_id: String,
    /// The endpoint that it was sent to, such as `fal-ai/veo3`.
    pub model: String,
    /// The body of its submit.
    pub input: Value,
    /// `IN_QUEUE`, `IN_PROGRESS` or `COMPLETED`.
    pub state: &'static str,
    /// The address of its webhook.
    pub webhook_url: Option<String>,
    /// The time at which it was accepted, as RFC 3339 with milliseconds.
    pub submitted_at: String,
    /// The `x-` headers that came with it.
    pub headers: BTreeMap<String, String>,
    /// The number of webhooks that were sent for it.
    pub webhooks_sent: u32,
}

/// A webhook to send again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SendWebhook {
    /// The number of times.
    pub times: u32,
    /// The distance of its timestamp from now.
    pub timestamp_offset_s: i64,
    /// `OK` or `ERROR`, whether or not the job succeeded.
    pub status: Option<WebhookStatus>,
}

/// A webhook's word for the end of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum WebhookStatus {
    /// It succeeded.
    Ok,
    /// It failed.
    Error,
}

impl Default for SendWebhook {
    fn default() -> Self {
        Self {
            times: 1,
            timestamp_offset_s: 0,
            status: None,
        }
    }
}

/// The running stand-in. A clone is another handle to the same one; it stops when the last handle is dropped.
#[derive(Clone)]
pub struct FakeFal {
    inner: Arc<Inner>,
    _stop: Arc<DropGuard>,
}

pub(crate) struct Inner {
    url: String,
    port: u16,
    key: String,
    retired: Vec<String>,
    concurrency: Option<u32>,
    mood: RwLock<Mood>,
    store: Store,
    signer: Signer,
    file_cache: FileCache,
    http: reqwest::Client,
    /// Notified when a webhook may have become due.
    due: Notify,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl FakeFal {
    /// Opens the data and starts to listen.
    ///
    /// # Errors
    /// A sentence: the port is taken, or the data cannot be opened.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await;
        let listener = listener.map_err(|problem| {
            Error(format!(
                "the provider's stand-in cannot listen on port {}: {problem}",
                config.port
            ))
        })?;
        let port = listener
            .local_addr()
            .map_err(|problem| Error(problem.to_string()))?
            .port();
        let store = Store::open(config.data.as_deref())?;
        let signer = Signer::new(&store.signing_seed()?);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(webhooks::TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|problem| Error(format!("no HTTP client: {problem}")))?;
        let stopping = CancellationToken::new();
        let inner = Arc::new(Inner {
            url: format!("http://127.0.0.1:{port}"),
            port,
            key: config.key,
            retired: config.retired,
            concurrency: config.concurrency,
            mood: RwLock::default(),
            store,
            signer,
            file_cache: FileCache::default(),
            http,
            due: Notify::new(),
            stopping: stopping.clone(),
            tasks: TaskTracker::new(),
        });
        inner
            .tasks
            .spawn(server::serve(listener, Arc::clone(&inner)));
        inner.tasks.spawn(webhooks::run(Arc::clone(&inner)));
        Ok(Self {
            inner,
            _stop: Arc::new(stopping.drop_guard()),
        })
    }

    /// The queue API, such as `http://127.0.0.1:4567`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The address of the keys that sign its webhooks.
    #[must_use]
    pub fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.inner.url)
    }

    /// The port that was taken.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// Every job that it accepted, oldest first.
    pub async fn jobs(&self) -> Vec<Job> {
        let inner = Arc::clone(&self.inner);
        let jobs = tokio::task::spawn_blocking(move || {
            let now_ms = clock::now_ms();
            inner.start_waiting(now_ms);
            let jobs = inner.store.jobs().into_iter();
            jobs.map(|job| job.public(now_ms)).collect()
        });
        jobs.await.unwrap_or_default()
    }

    /// The account's present mood.
    #[must_use]
    pub fn mood(&self) -> Mood {
        self.inner.mood()
    }

    /// Sets the account's mood until the next mood or the end; the default mood makes everything as usual.
    /// Jobs that work already go on when a lower limit is set.
    pub fn set_mood(&self, mood: Mood) {
        let current = self.inner.mood.write();
        *current.unwrap_or_else(PoisonError::into_inner) = mood;
        self.inner.due.notify_one();
    }

    /// Sends a job's webhook again, and returns each answer's status (0: no answer). `None` if there is no
    /// such job.
    pub async fn send_webhook(&self, request_id: &str, again: SendWebhook) -> Option<Vec<u16>> {
        webhooks::send_again(&self.inner, request_id, &again).await
    }

    /// Stops listening, and ends the work that is under way.
    pub async fn shutdown(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        // A task that has not ended by then ends with its runtime.
        let _ = tokio::time::timeout(STOP_TIMEOUT, self.inner.tasks.wait()).await;
    }
}

impl Inner {
    fn mood(&self) -> Mood {
        let mood = self.mood.read().unwrap_or_else(PoisonError::into_inner);
        mood.clone()
    }

    /// The most jobs that may work at a time.
    fn concurrency(&self) -> Option<u32> {
        self.mood().concurrency.or(self.concurrency)
    }

    /// A job as it is now.
    fn job(&self, request_id: &str) -> Option<Kept> {
        self.start_waiting(clock::now_ms());
        self.store.job(request_id)
    }

    /// Starts waiting jobs, as far as there is room; their webhooks then become due at some time.
    fn start_waiting(&self, now_ms: i64) {
        let started = self.store.start_waiting(self.concurrency(), now_ms);
        if started.is_ok_and(|started| started > 0) {
            self.due.notify_one();
        }
    }
}
