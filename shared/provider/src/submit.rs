//! The submit: handing a job to fal, and saying exactly what is known afterwards.

use std::time::Duration;

use domain::catalogue::{Order, Value as Given};
use domain::lanes::Priority;
use reqwest::Response;
use serde_json::{Map, Number, Value};

use crate::evidence::{self, Cause, Evidence, ProviderError};
use crate::{Fal, SUBMIT_TIMEOUT, describe, read_answer};

/// The time for which fal keeps its files. We copy them within minutes, and keep them ourselves.
const MEDIA_LIFETIME: &str = r#"{"expiration_duration_seconds":86400}"#;

/// A job to hand over.
#[derive(Clone, Debug)]
pub struct Submission {
    paths: &'static [&'static str],
    input: Map<String, Value>,
    webhook_url: Option<String>,
    start_timeout: Duration,
    priority: Priority,
}

impl Submission {
    /// Builds the submit of `order`; `reference` and `images` are addresses that fal can read.
    #[must_use]
    pub fn new(
        order: &Order,
        reference: Option<String>,
        images: Vec<(&'static str, String)>,
        webhook_url: Option<String>,
        start_timeout: Duration,
        priority: Priority,
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
            priority,
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
    /// Hands a job to fal, once. If fal says that a path does not exist, nothing was submitted, and the
    /// next path is tried.
    pub async fn submit(&self, job: &Submission) -> Evidence {
        let mut last = Evidence::NotAccepted(ProviderError::new(Cause::Retired, "it has no path"));
        for path in job.paths {
            last = match self.post(path, job).await {
                Ok(response) => {
                    let answer = read_answer(response).await;
                    evidence::of_submit(&answer, |url| self.is_ours(url))
                }
                // Nothing was sent, so nothing was accepted.
                Err(error) if error.is_connect() => {
                    Evidence::NotAccepted(ProviderError::new(Cause::Outage, describe(&error)))
                }
                Err(error) => Evidence::NotYet(ProviderError::new(Cause::Outage, describe(&error))),
            };
            match &last {
                Evidence::NotAccepted(trouble) if trouble.cause == Cause::Retired => {
                    tracing::warn!(path, "the provider has no such endpoint");
                }
                Evidence::Accepted { .. }
                | Evidence::Working { .. }
                | Evidence::Made(_)
                | Evidence::Refused(_)
                | Evidence::NotAccepted(_)
                | Evidence::NotYet(_) => return last,
            }
        }
        last
    }

    async fn post(&self, path: &str, job: &Submission) -> reqwest::Result<Response> {
        let url = format!("{}/{path}", self.config.queue_url.trim_end_matches('/'));
        let request = self
            .http
            .post(url)
            .timeout(SUBMIT_TIMEOUT)
            .header("Authorization", format!("Key {}", self.config.key.expose()))
            // The time within which it must be started: after that, our deadline has passed.
            .header(
                "X-Fal-Request-Timeout",
                job.start_timeout.as_secs().to_string(),
            )
            // The priority among all jobs that wait for this endpoint, our users' and others'.
            .header("X-Fal-Queue-Priority", job.priority.as_str())
            .header("X-Fal-Object-Lifecycle-Preference", MEDIA_LIFETIME)
            // The price is for this model, so another one must not take its place.
            .header("x-app-fal-disable-fallback", "true")
            // We settle a failed run ourselves, once; fal's own ten retries would outlive the deadline.
            .header("X-Fal-No-Retry", "1")
            .json(&job.input);
        match &job.webhook_url {
            Some(webhook) => request.query(&[("fal_webhook", webhook)]).send().await,
            None => request.send().await,
        }
    }
}
