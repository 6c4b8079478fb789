//! Handing a job to fal, and saying exactly what is known afterwards.

use std::time::Duration;

use domain::catalogue::{Order, Value as Given};
use domain::generations::{Failure, FailureCode, Ticket};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::{ANSWER_BYTES_MAX, Fal, SUBMIT_TIMEOUT, describe, failures, read_bounded, unavailable};

/// How long fal keeps what it made; we copy it within minutes, and keep it ourselves.
const MEDIA_LIFETIME: &str = r#"{"expiration_duration_seconds":86400}"#;

/// A job to hand over.
#[derive(Clone, Debug)]
pub struct Submit {
    paths: &'static [&'static str],
    input: Map<String, Value>,
    webhook_url: Option<String>,
    start_timeout: Duration,
}

/// What is known after a submit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// fal has the job.
    Accepted(Ticket),
    /// fal provably does not have it, and will not take it.
    Refused(Failure),
    /// fal provably does not have it, but may take it later.
    Later(Failure),
    /// fal may have it or not: time-out, broken connection, or an answer that proves nothing.
    Unknown(String),
}

#[derive(Deserialize)]
struct Accepted {
    request_id: String,
    status_url: String,
    response_url: String,
    cancel_url: String,
}

impl Submit {
    /// The job that `order` describes; `reference` and `images` are addresses that fal can read.
    #[must_use]
    pub fn new(
        order: &Order,
        reference: Option<String>,
        images: Vec<(&'static str, String)>,
        webhook_url: Option<String>,
        start_timeout: Duration,
    ) -> Self {
        let mut input: Map<String, Value> = order
            .inputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), to_json(value)))
            .collect();
        if let Some((field, url)) = order.reference_field.zip(reference) {
            input.insert(field.to_owned(), Value::String(url));
        }
        for (field, url) in images {
            input.insert(field.to_owned(), Value::String(url));
        }
        Self {
            paths: order.paths,
            input,
            webhook_url,
            start_timeout,
        }
    }
}

fn to_json(value: &Given) -> Value {
    match value {
        Given::Bool(value) => Value::Bool(*value),
        Given::Integer(value) => Value::Number(Number::from(*value)),
        Given::Number(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
        Given::Text(value) => Value::String(value.clone()),
        Given::Null | Given::Nested => Value::Null,
    }
}

impl Fal {
    /// Hands a job to fal, once. A path that fal says does not exist is no submit: the next one is tried.
    pub async fn submit(&self, job: &Submit) -> Submitted {
        let mut last = Submitted::Refused(unavailable());
        for path in job.paths {
            last = match self.post(path, job).await {
                Ok(response) if response.status() == StatusCode::NOT_FOUND => {
                    tracing::warn!(path, "the provider has no such endpoint");
                    Submitted::Refused(Failure::new(
                        FailureCode::ProviderUnavailable,
                        "the provider no longer offers this model",
                    ))
                }
                Ok(response) => return self.read(response).await,
                // Nothing was sent, so nothing was accepted.
                Err(error) if error.is_connect() => return Submitted::Later(unavailable()),
                Err(error) => return Submitted::Unknown(describe(&error)),
            };
        }
        last
    }

    async fn post(&self, path: &str, job: &Submit) -> reqwest::Result<Response> {
        let url = format!("{}/{path}", self.config.queue_url.trim_end_matches('/'));
        let request = self
            .http
            .post(url)
            .timeout(SUBMIT_TIMEOUT)
            .header("Authorization", format!("Key {}", self.config.key.expose()))
            // How long it may wait to be started: later than that, our deadline has passed.
            .header(
                "X-Fal-Request-Timeout",
                job.start_timeout.as_secs().to_string(),
            )
            .header("X-Fal-Object-Lifecycle-Preference", MEDIA_LIFETIME)
            // The price is this model's; another one must not be served in its place.
            .header("x-app-fal-disable-fallback", "true")
            // A failed run is settled by us, once; fal's own ten more tries would outlive the deadline.
            .header("X-Fal-No-Retry", "1")
            .json(&job.input);
        match &job.webhook_url {
            Some(webhook) => request.query(&[("fal_webhook", webhook)]).send().await,
            None => request.send().await,
        }
    }

    /// What an answer proves. 4xx and 503 say that nothing was accepted; a 500, 502 or 504 may have been made by
    /// something in front of a queue that did accept the job.
    async fn read(&self, response: Response) -> Submitted {
        let code = response.status();
        let body = match read_bounded(response, ANSWER_BYTES_MAX).await {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            Err(why) if code.is_success() => return Submitted::Unknown(why),
            Err(_) => Value::Null,
        };
        match code.as_u16() {
            200..=299 => match serde_json::from_value::<Accepted>(body) {
                Ok(accepted) => self.ticket(accepted),
                Err(_) => Submitted::Unknown(format!(
                    "it answered {code} without saying which job that is"
                )),
            },
            408 | 425 | 429 | 503 => Submitted::Later(unavailable()),
            401 | 403 => {
                tracing::error!(
                    status = code.as_u16(),
                    "the provider refuses our key or account"
                );
                Submitted::Refused(unavailable())
            }
            400..=499 => Submitted::Refused(
                failures::from_body(code.as_u16(), &body).unwrap_or_else(|| {
                    Failure::new(FailureCode::ProviderError, "the provider refused the job")
                }),
            ),
            _ => Submitted::Unknown(format!("it answered {code}")),
        }
    }

    /// Its addresses get our key with every question, so they must be fal's.
    fn ticket(&self, accepted: Accepted) -> Submitted {
        let Accepted {
            request_id,
            status_url,
            response_url,
            cancel_url,
        } = accepted;
        if [&status_url, &response_url, &cancel_url]
            .into_iter()
            .all(|url| self.is_ours(url))
        {
            Submitted::Accepted(Ticket {
                request_id,
                status_url,
                response_url,
                cancel_url,
            })
        } else {
            Submitted::Unknown(
                "it accepted the job, and named addresses that are not its own".to_owned(),
            )
        }
    }
}
