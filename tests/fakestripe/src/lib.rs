//! A stand-in for Stripe: Checkout sessions, a page to pay on, and signed events that are sent until they are
//! taken.
//!
//! Owns the part of Stripe's wire that Velro uses. Refuses to know the use of an event.

mod events;
mod server;
mod state;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use crate::state::{Event, Session};

use crate::state::Store;

const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The reason, in one clear sentence, why the stand-in cannot start or keep its state.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// The settings of a stand-in.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of its state; `None` keeps nothing.
    pub data: Option<PathBuf>,
    /// The port; 0 for any free one.
    pub port: u16,
    /// The key that callers must show.
    pub key: String,
    /// The secret that events are signed with.
    pub webhook_secret: String,
    /// The address that events are sent to.
    pub webhook_url: String,
}

/// A movement of a session's money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Its buyer pays.
    Pay,
    /// This much is refunded, in the currency's smallest unit; `None` for everything that is left.
    Refund(Option<i64>),
    /// Its buyer objects, or the dispute ends: `needs_response`, `won` or `lost`.
    Dispute(String),
}

/// The repetitions of an event.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resend {
    /// The number of times.
    pub times: u32,
}

impl Default for Resend {
    fn default() -> Self {
        Self { times: 1 }
    }
}

/// The running stand-in. A clone is another handle to the same one; it stops when the last handle is dropped.
#[derive(Clone)]
pub struct FakeStripe {
    inner: Arc<Inner>,
    _stop: Arc<DropGuard>,
}

pub(crate) struct Inner {
    url: String,
    port: u16,
    config: Config,
    store: Store,
    http: reqwest::Client,
    /// Notified when an event may be waiting.
    waiting: Notify,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl FakeStripe {
    /// Opens the data and starts to listen.
    ///
    /// # Errors
    /// A sentence: the port is taken, or the data cannot be opened.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let port = config.port;
        let cannot = |problem| {
            Error(format!(
                "Stripe's stand-in cannot listen on port {port}: {problem}"
            ))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(cannot)?;
        let port = listener.local_addr().map_err(cannot)?.port();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .timeout(events::TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|problem| Error(format!("no HTTP client: {problem}")))?;
        let stopping = CancellationToken::new();
        let inner = Arc::new(Inner {
            url: format!("http://127.0.0.1:{port}"),
            port,
            store: Store::open(config.data.as_deref())?,
            config,
            http,
            waiting: Notify::new(),
            stopping: stopping.clone(),
            tasks: TaskTracker::new(),
        });
        inner
            .tasks
            .spawn(server::serve(listener, Arc::clone(&inner)));
        inner.tasks.spawn(events::run(Arc::clone(&inner)));
        Ok(Self {
            inner,
            _stop: Arc::new(stopping.drop_guard()),
        })
    }

    /// The API, such as `http://127.0.0.1:4567`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The port that was taken.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.inner.port
    }

    /// Every checkout session, in no particular order.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        self.inner
            .store
            .read(|state| state.sessions.values().cloned().collect())
    }

    /// Lets the next `count` checkouts fail on Stripe's side.
    ///
    /// # Errors
    /// A sentence, if the state cannot be kept.
    pub fn fail(&self, count: u32) -> Result<(), Error> {
        self.inner.store.write(|state| state.failures = count)
    }

    /// Every event, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.inner.store.read(|state| state.events.clone())
    }

    /// Moves a session's money, and returns the event about it: `None` without such a session, an error if
    /// its money cannot move so. An event that is not `sent` waits until it is sent again.
    ///
    /// # Errors
    /// A sentence.
    pub fn act(&self, session: &str, step: &Move, sent: bool) -> Result<Option<Value>, Error> {
        self.inner.act(session, step, sent)
    }

    /// Sends an event again at once, and returns each answer's status (0: no answer). `None` if there is no
    /// such event.
    pub async fn resend(&self, event: &str, again: Resend) -> Option<Vec<u16>> {
        events::resend(&self.inner, event, again).await
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
    pub(crate) fn act(
        &self,
        session: &str,
        step: &Move,
        sent: bool,
    ) -> Result<Option<Value>, Error> {
        let told = self.store.write(|state| {
            let Some(session) = state.sessions.get_mut(session) else {
                return Ok(None);
            };
            let (kind, object) = session.step(step)?;
            let event = Event::new(kind, object, sent);
            let told = event.body();
            state.events.push(event);
            Ok(Some(told))
        })?;
        self.waiting.notify_one();
        told
    }
}
