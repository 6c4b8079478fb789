//! The wire to fal.ai.
//!
//! Owns: fal's queue protocol, its errors, its webhooks' signatures, and fetching its files; all of it is
//! translated to the domain's types. Refuses to know our storage and our money. It never retries a submit
//! by itself: fal has no idempotency key, so a second submit is a second paid job, and only the caller
//! knows what was proven.

pub mod evidence;
mod failures;
pub mod media;
mod outcome;
mod submit;
pub mod webhook;

use std::time::Duration;

use auth::opaque::Secret;
use domain::generations::Ticket;
use reqwest::{Client, Response};
use web::ClientBuildError;

pub use evidence::{Cancel, Cause, Evidence, ProviderError};
pub use submit::Submission;

use crate::evidence::{ProviderAnswer, Status};

/// The time within which a connection must be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time within which fal must accept a job; it only queues it.
pub const SUBMIT_TIMEOUT: Duration = Duration::from_secs(25);
/// The time within which fal must answer a question.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest answer that is read; results hold addresses, not media.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The address of fal, and our key.
#[derive(Debug)]
pub struct FalConfig {
    /// The address of the queue API, such as `https://queue.fal.run`.
    pub queue_url: String,
    /// Our key.
    pub key: Secret,
}

/// The client of fal.
pub struct Fal {
    config: FalConfig,
    origin: reqwest::Url,
    http: Client,
    fetcher: media::Fetcher,
}

impl Fal {
    /// Creates a client for `config`.
    ///
    /// # Errors
    /// [`ClientBuildError`] if the address is not a URL, or TLS cannot be set up.
    pub fn new(config: FalConfig) -> Result<Self, ClientBuildError> {
        let origin = reqwest::Url::parse(&config.queue_url).map_err(|error| {
            ClientBuildError(format!("the provider's address is not a URL: {error}"))
        })?;
        Ok(Self {
            fetcher: media::Fetcher::default(),
            http: client()?,
            config,
            origin,
        })
    }

    /// Asks how the job is going, and for its result if it has ended.
    pub async fn look(&self, ticket: &Ticket) -> Evidence {
        let status = match self.ask(self.http.get(&ticket.status_url)).await {
            Ok(answer) => evidence::of_status(&answer),
            Err(trouble) => return Evidence::NotYet(trouble),
        };
        match status {
            Status::Said(evidence) => evidence,
            Status::Ended => match self.ask(self.http.get(&ticket.response_url)).await {
                Ok(answer) => evidence::of_result(&answer),
                Err(trouble) => Evidence::NotYet(trouble),
            },
        }
    }

    /// Asks fal to stop a job.
    pub async fn cancel(&self, ticket: &Ticket) -> Cancel {
        match self.ask(self.http.put(&ticket.cancel_url)).await {
            Ok(answer) => evidence::of_cancel(&answer),
            Err(trouble) => Cancel::NotYet(trouble),
        }
    }

    /// Sends one question with our key, and reads the answer.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<ProviderAnswer, ProviderError> {
        let sent = request
            .timeout(ASK_TIMEOUT)
            .header("Authorization", format!("Key {}", self.config.key.expose()))
            .send()
            .await;
        let response = sent.map_err(|error| ProviderError::new(Cause::Outage, describe(&error)))?;
        Ok(read_answer(response).await)
    }

    /// Returns whether our key may be sent to `url`: the URL must be at the configured origin, or at fal's
    /// own hosts.
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

/// Builds the HTTP client for fal. It follows no redirects, because our key must go to fal alone.
fn client() -> Result<Client, ClientBuildError> {
    web::client(CONNECT_TIMEOUT)
        .build()
        .map_err(|error| ClientBuildError(format!("no HTTP client: {error}")))
}

/// Reads an answer as far as possible. A body that breaks off or is too long counts as empty, because it
/// proves nothing.
async fn read_answer(response: Response) -> ProviderAnswer {
    let status = response.status().as_u16();
    let error_type = response.headers().get("x-fal-error-type");
    let error_type = error_type.and_then(|kind| kind.to_str().ok());
    let error_type = error_type.map(str::to_owned);
    let body = read_bounded(response, ANSWER_BYTES_MAX).await;
    ProviderAnswer {
        status,
        body: body.unwrap_or_default(),
        error_type,
    }
}

/// Reads an answer of at most `limit` bytes.
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

/// Describes an error without the address, which may contain a secret.
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
