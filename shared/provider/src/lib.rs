//! fal.ai on the wire.
//!
//! Owns: fal's queue protocol, its errors, its webhooks' signatures, and fetching what it made; all of it told in the
//! domain's words. Refuses to know our storage and our money. It never retries a submit by itself: fal has no
//! idempotency key, so a second submit is a second paid job, and only the caller knows what was proven.

mod failures;
pub mod media;
mod outcome;
mod submit;
pub mod webhook;

use std::time::Duration;

use auth::opaque::Secret;
use domain::generations::{Failure, FailureCode, Outcome, Ticket};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

pub use submit::{Submit, Submitted};

use crate::webhook::Keys;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long fal may take to accept a job; it only queues it.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(25);
/// How long fal may take to answer a question.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read; results hold addresses, not media.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Where fal is, and our key.
#[derive(Debug)]
pub struct FalConfig {
    /// The queue API, such as `https://queue.fal.run`.
    pub queue_url: String,
    /// The keys that sign webhooks.
    pub jwks_url: String,
    /// Our key.
    pub key: Secret,
}

/// A client that cannot be built.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Unusable(String);

/// Speaks to fal.
pub struct Fal {
    config: FalConfig,
    origin: reqwest::Url,
    http: Client,
    fetcher: media::Fetcher,
    keys: Keys,
}

/// How a job goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It waits; this many are ahead.
    Queued {
        /// How many.
        position: u64,
    },
    /// It runs.
    Running,
    /// It ended.
    Finished(Outcome),
    /// fal does not know it (any more).
    Gone,
    /// fal did not answer in a way that says anything.
    Unreachable(String),
}

/// What became of a wish to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// fal will try; the job may end as it would have.
    Requested,
    /// It had ended.
    AlreadyFinished,
    /// fal does not know it.
    NotFound,
    /// fal did not answer in a way that says anything.
    Unreachable(String),
}

#[derive(Deserialize)]
struct Status {
    status: String,
    #[serde(default)]
    queue_position: Option<u64>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_type: Option<String>,
}

impl Fal {
    /// A client for `config`.
    ///
    /// # Errors
    /// [`Unusable`] if the address is none, or TLS cannot be set up.
    pub fn new(config: FalConfig) -> Result<Self, Unusable> {
        // A provider that was installed before is this one: the workspace has no other.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let origin = reqwest::Url::parse(&config.queue_url)
            .map_err(|error| Unusable(format!("the provider's address is not a URL: {error}")))?;
        let http = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("velro")
            .build()
            .map_err(|error| Unusable(format!("no HTTP client: {error}")))?;
        Ok(Self {
            fetcher: media::Fetcher::default(),
            keys: Keys::default(),
            config,
            origin,
            http,
        })
    }

    /// How the job goes; if it ended, also what it made.
    pub async fn status(&self, ticket: &Ticket) -> Progress {
        let (code, body) = match self.ask(self.http.get(&ticket.status_url)).await {
            Ok(answer) => answer,
            Err(why) => return Progress::Unreachable(why),
        };
        if code == StatusCode::NOT_FOUND {
            return Progress::Gone;
        }
        let Ok(status) = serde_json::from_value::<Status>(body) else {
            return Progress::Unreachable(format!("its status was {code} with an unreadable body"));
        };
        match (code.is_success(), status.status.as_str()) {
            (true, "IN_QUEUE") => Progress::Queued {
                position: status.queue_position.unwrap_or(0),
            },
            (true, "IN_PROGRESS") => Progress::Running,
            // COMPLETED is not success: a failed job is completed too.
            (true, "COMPLETED") => match (&status.error_type, &status.error) {
                (Some(kind), error) => Progress::Finished(Outcome::Failed(failures::by_type(
                    kind,
                    error.as_deref().unwrap_or_default(),
                ))),
                (None, _) => self.result(ticket).await,
            },
            _ => Progress::Unreachable(format!("its status was {code}, {:.40}", status.status)),
        }
    }

    /// What a completed job made.
    async fn result(&self, ticket: &Ticket) -> Progress {
        let (code, body) = match self.ask(self.http.get(&ticket.response_url)).await {
            Ok(answer) => answer,
            Err(why) => return Progress::Unreachable(why),
        };
        if code.is_success() {
            return Progress::Finished(outcome::read(&body));
        }
        if code == StatusCode::NOT_FOUND {
            return Progress::Gone;
        }
        // A failed job answers with the model's own error; anything without one is fal's trouble, and passes.
        match failures::from_body(code.as_u16(), &body) {
            Some(failure) => Progress::Finished(Outcome::Failed(failure)),
            None => Progress::Unreachable(format!("its result was {code}")),
        }
    }

    /// Asks fal to stop a job.
    pub async fn cancel(&self, ticket: &Ticket) -> Cancel {
        match self.ask(self.http.put(&ticket.cancel_url)).await {
            Ok((code, _)) if code.is_success() => Cancel::Requested,
            Ok((StatusCode::BAD_REQUEST, _)) => Cancel::AlreadyFinished,
            Ok((StatusCode::NOT_FOUND, _)) => Cancel::NotFound,
            Ok((code, _)) => Cancel::Unreachable(format!("its answer to a cancel was {code}")),
            Err(why) => Cancel::Unreachable(why),
        }
    }

    /// One question with our key, and its JSON answer (null if it is not JSON).
    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<(StatusCode, Value), String> {
        let response = request
            .timeout(ASK_TIMEOUT)
            .header("Authorization", format!("Key {}", self.config.key.expose()))
            .send()
            .await
            .map_err(|error| describe(&error))?;
        let code = response.status();
        let bytes = read_bounded(response, ANSWER_BYTES_MAX).await?;
        Ok((code, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// Whether our key may be sent to `url`: to the configured host, or to fal's own.
    fn is_ours(&self, url: &str) -> bool {
        let Ok(url) = reqwest::Url::parse(url) else {
            return false;
        };
        let is_fal = url.scheme() == "https"
            && url
                .host_str()
                .is_some_and(|host| host.ends_with(".fal.run") || host.ends_with(".falrun.com"));
        url.origin() == self.origin.origin() || is_fal
    }
}

/// Reads at most `limit` bytes of an answer.
async fn read_bounded(mut response: Response, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| describe(&error))? {
        if bytes.len() + chunk.len() > limit {
            return Err(format!("its answer is larger than {limit} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// An error without the address, which may hold a secret.
fn describe(error: &reqwest::Error) -> String {
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "it could not be connected to"
    } else {
        "the connection broke"
    };
    let mut text = what.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A failure that says only that the provider could not be reached.
fn unavailable() -> Failure {
    Failure::new(
        FailureCode::ProviderUnavailable,
        "the provider did not take the job; try again later",
    )
}
