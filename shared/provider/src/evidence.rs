//! The evidence of the provider's answers: what each answer proves at each stage.
//!
//! Owns the judgement. Only a model's output, a typed error and a final status word end a job. An answer of
//! the infrastructure between us and the model ends nothing, whatever its status, because it may be
//! temporary. Refuses to know how an answer is fetched, and what a job does with it.

use domain::generations::{Failure, FailureCode, Outcome, Piece, Ticket};
use serde::Deserialize;
use serde_json::Value;

use crate::{failures, outcome};

/// The knowledge about a job after an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The provider has the job, and the ticket says where to ask about it.
    Accepted {
        /// The provider's names for the job.
        ticket: Ticket,
        /// The number of jobs ahead of it, if the provider said so.
        queue_position: Option<u64>,
    },
    /// The provider has the job, and works on it or will.
    Working {
        /// The number of jobs ahead of it, while it waits.
        queue_position: Option<u64>,
    },
    /// The model's output.
    Made(Vec<Piece>),
    /// The model's own answer that there is nothing to deliver.
    Refused(Failure),
    /// The provider does not have the job, and may take it later.
    NotAccepted(ProviderError),
    /// Nothing is proven: the same question may be answered differently later.
    NotYet(ProviderError),
}

/// The reason why an answer proves nothing, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderError {
    /// The party that is to blame.
    pub cause: Cause,
    /// A description of the answer, without addresses and secrets.
    pub why: String,
}

/// The party that is to blame for a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Our account: the key is refused, the account is locked, the balance is used up. Every job is
    /// affected.
    Account,
    /// The provider: it is down, overloaded or out of reach. Every job is affected.
    Outage,
    /// The endpoint: the provider says that there is no such model.
    Retired,
    /// Only this answer, as far as anybody can tell.
    Unclear,
}

/// An answer, as it was received.
#[derive(Clone, Debug, Default)]
pub struct ProviderAnswer {
    /// The status code.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: Vec<u8>,
    /// The header `X-Fal-Error-Type`, which infrastructure errors have in addition to their body.
    pub error_type: Option<String>,
}

/// The content of a status answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The evidence, if the answer is all that is needed.
    Said(Evidence),
    /// The job has ended. Its result must be read, and says how.
    Ended,
}

/// The content of an answer to a request to cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// The provider will try; the job may still end as usual.
    Requested,
    /// The job had already ended.
    TooLate,
    /// Nothing is proven. Ask again later.
    NotYet(ProviderError),
}

/// The meaning of a status word. fal's documentation lists three; others were seen, and each is taken by
/// its plain meaning.
enum StatusWord {
    Waiting,
    Working,
    Ended,
    Failed,
    TimedOut,
    Canceled,
    Unknown,
}

#[derive(Deserialize)]
struct SubmitResponse {
    request_id: String,
    status_url: String,
    response_url: String,
    cancel_url: String,
    #[serde(default)]
    queue_position: Option<u64>,
}

#[derive(Deserialize)]
struct StatusBody {
    status: String,
    #[serde(default)]
    queue_position: Option<u64>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_type: Option<String>,
}

/// A webhook's body, its signature verified.
#[derive(Deserialize)]
pub(crate) struct WebhookBody {
    /// The provider's id of the job.
    pub request_id: String,
    status: String,
    #[serde(default)]
    payload: Value,
    #[serde(default)]
    error: Option<String>,
}

impl ProviderError {
    /// Creates a trouble with this cause.
    #[must_use]
    pub fn new(cause: Cause, why: impl Into<String>) -> Self {
        Self {
            cause,
            why: why.into(),
        }
    }

    /// Returns whether every job is affected, so that asking about the next one is useless.
    #[must_use]
    pub fn is_everybodys(&self) -> bool {
        match self.cause {
            Cause::Account | Cause::Outage => true,
            Cause::Retired | Cause::Unclear => false,
        }
    }
}

impl ProviderAnswer {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Describes the answer for the operator: the status, and the kind of body that came with it.
    fn describe(&self) -> String {
        let body = match self.json() {
            Some(Value::Object(fields)) => match fields.get("detail").or(fields.get("status")) {
                Some(Value::String(text)) if !text.contains("://") => format!("{text:.120}"),
                Some(_) | None => "JSON of another form".to_owned(),
            },
            Some(_) => "JSON that is no object".to_owned(),
            None if self.body.is_empty() => "no body".to_owned(),
            None => "a body that is cut or no JSON".to_owned(),
        };
        format!("{} with {body}", self.status)
    }

    fn trouble(&self, asked: &str) -> ProviderError {
        let cause = match self.status {
            401 | 403 => Cause::Account,
            429 | 500..=599 => Cause::Outage,
            404 => Cause::Retired,
            _ => Cause::Unclear,
        };
        ProviderError::new(cause, format!("{asked} was answered {}", self.describe()))
    }
}

fn word(text: &str) -> StatusWord {
    let text = text.trim().to_ascii_uppercase().replace(['-', ' '], "_");
    match text.as_str() {
        "IN_QUEUE" | "QUEUED" | "PENDING" => StatusWord::Waiting,
        "IN_PROGRESS" | "PROCESSING" | "RUNNING" | "STARTED" | "CANCELLATION_REQUESTED" => {
            StatusWord::Working
        }
        "COMPLETED" | "COMPLETE" | "SUCCEEDED" | "SUCCESS" | "OK" | "DONE" | "FINISHED" => {
            StatusWord::Ended
        }
        "FAILED" | "FAILURE" | "ERROR" | "ERRORED" => StatusWord::Failed,
        "TIMED_OUT" | "TIMEOUT" | "EXPIRED" => StatusWord::TimedOut,
        "CANCELED" | "CANCELLED" | "ABORTED" => StatusWord::Canceled,
        _ => StatusWord::Unknown,
    }
}

/// Returns the failure that a final status word stands for, if it is one; `error_type` and `text` came with
/// it.
fn failure_of(word: &StatusWord, error_type: Option<&str>, text: Option<&str>) -> Option<Failure> {
    let code = match word {
        StatusWord::Failed => FailureCode::ProviderError,
        StatusWord::TimedOut => FailureCode::ProviderTimeout,
        StatusWord::Canceled => FailureCode::Canceled,
        StatusWord::Waiting | StatusWord::Working | StatusWord::Ended | StatusWord::Unknown => {
            return None;
        }
    };
    let text = text.unwrap_or_default();
    Some(match error_type {
        Some(kind) => failures::by_type_or(kind, text, code),
        None => failures::of(code, text),
    })
}

/// Judges the answer to a submit. 4xx and 503 prove that nothing was accepted. A 500, 502 or 504 may come
/// from a server in front of a queue that did accept the job, and so may a success that does not name the
/// job. `is_ours` says whether our key may be sent to an address.
pub fn of_submit(answer: &ProviderAnswer, is_ours: impl Fn(&str) -> bool) -> Evidence {
    let asked = "the submit";
    let body = answer.json();
    let typed = body.as_ref().and_then(|body| {
        failures::of_model(answer.status, body).or_else(|| failures::of_platform(body))
    });
    match answer.status {
        200..=299 => of_success(answer, body, typed, is_ours),
        401 | 403 => match body.and_then(|body| failures::of_model(answer.status, &body)) {
            Some(failure) => Evidence::Refused(failure),
            None => Evidence::NotAccepted(answer.trouble(asked)),
        },
        404 | 408 | 425 | 429 | 503 => Evidence::NotAccepted(answer.trouble(asked)),
        // 303 is the answer to an accepted form; the other redirects mean that no one has processed it.
        300..=302 | 304..=399 => Evidence::NotAccepted(answer.trouble(asked)),
        400..=499 => match typed {
            Some(failure) => Evidence::Refused(failure),
            None => Evidence::NotAccepted(answer.trouble(asked)),
        },
        _ => Evidence::NotYet(answer.trouble(asked)),
    }
}

fn of_success(
    answer: &ProviderAnswer,
    body: Option<Value>,
    typed: Option<Failure>,
    is_ours: impl Fn(&str) -> bool,
) -> Evidence {
    let body = body.unwrap_or_default();
    let names_a_job = body.get("request_id").is_some();
    let tells_an_error = body.get("detail").is_some() || body.get("error").is_some();
    match serde_json::from_value::<SubmitResponse>(body) {
        Ok(accepted) => {
            let urls = [
                &accepted.status_url,
                &accepted.response_url,
                &accepted.cancel_url,
            ];
            if !urls.into_iter().all(|url| is_ours(url)) {
                // Our key is sent to these addresses with every question, so they must be the provider's.
                let why = "the submit was accepted, with addresses that are not the provider's";
                return Evidence::NotYet(ProviderError::new(Cause::Unclear, why));
            }
            Evidence::Accepted {
                queue_position: accepted.queue_position,
                ticket: Ticket {
                    request_id: accepted.request_id,
                    status_url: accepted.status_url,
                    response_url: accepted.response_url,
                    cancel_url: accepted.cancel_url,
                },
            }
        }
        Err(_) if names_a_job => Evidence::NotYet(answer.trouble("the submit")),
        Err(_) => match typed {
            Some(failure) => Evidence::Refused(failure),
            None if tells_an_error => Evidence::NotAccepted(answer.trouble("the submit")),
            None => Evidence::NotYet(answer.trouble("the submit")),
        },
    }
}

/// Judges the answer to a question about the status. COMPLETED does not mean success: a failed job is
/// completed, too.
#[must_use]
pub fn of_status(answer: &ProviderAnswer) -> Status {
    let asked = "the status";
    let body = answer.json().filter(|_| answer.is_success());
    let body = body.and_then(|body| serde_json::from_value::<StatusBody>(body).ok());
    let Some(body) = body else {
        return Status::Said(Evidence::NotYet(answer.trouble(asked)));
    };
    let word = word(&body.status);
    let error_type = body.error_type.as_deref();
    if let Some(failure) = failure_of(&word, error_type, body.error.as_deref()) {
        return Status::Said(Evidence::Refused(failure));
    }
    match (word, error_type) {
        (StatusWord::Ended, Some(kind)) => {
            let text = body.error.as_deref().unwrap_or_default();
            Status::Said(Evidence::Refused(failures::by_type(kind, text)))
        }
        (StatusWord::Ended, None) => Status::Ended,
        (StatusWord::Waiting, _) => Status::Said(Evidence::Working {
            queue_position: Some(body.queue_position.unwrap_or(0)),
        }),
        (StatusWord::Working, _) => Status::Said(Evidence::Working {
            queue_position: None,
        }),
        (
            StatusWord::Unknown | StatusWord::Failed | StatusWord::TimedOut | StatusWord::Canceled,
            _,
        ) => Status::Said(Evidence::NotYet(answer.trouble(asked))),
    }
}

/// Judges a job's result. A result is the model's own answer, with its status and body; anything else comes
/// from a server in between.
#[must_use]
pub fn of_result(answer: &ProviderAnswer) -> Evidence {
    let body = answer.json().unwrap_or_default();
    // An answer about our rights or our rate says nothing about the job.
    let is_about_us = matches!(answer.status, 401 | 425 | 429);
    let by_header = answer.error_type.as_deref().filter(|kind| !kind.is_empty());
    let typed = failures::of_model(answer.status, &body)
        .or_else(|| failures::of_platform(&body))
        .or_else(|| by_header.map(|kind| failures::by_type(kind, "")));
    if let Some(failure) = typed.filter(|_| !is_about_us) {
        return Evidence::Refused(failure);
    }
    let output = answer.is_success().then(|| outcome::read(&body)).flatten();
    match output {
        Some(Outcome::Made(pieces)) => Evidence::Made(pieces),
        Some(Outcome::Refused(failure)) => Evidence::Refused(failure),
        None => Evidence::NotYet(answer.trouble("the result")),
    }
}

/// Judges the answer to a request to cancel. It proves nothing about how the job ends.
#[must_use]
pub fn of_cancel(answer: &ProviderAnswer) -> Cancel {
    let says = |text: &str| {
        let body = answer.json().unwrap_or_default();
        body.get("status").and_then(Value::as_str) == Some(text)
    };
    if answer.is_success() {
        Cancel::Requested
    } else if answer.status == 400 && says("ALREADY_COMPLETED") {
        Cancel::TooLate
    } else {
        Cancel::NotYet(answer.trouble("the cancel"))
    }
}

/// Judges a webhook whose signature was verified; `None` if we must ask about the job.
pub(crate) fn of_webhook(body: &WebhookBody) -> Option<Outcome> {
    let typed =
        failures::of_model(0, &body.payload).or_else(|| failures::of_platform(&body.payload));
    let text = body.error.as_deref();
    let word = word(&body.status);
    match (&word, typed) {
        (
            StatusWord::Ended | StatusWord::Failed | StatusWord::TimedOut | StatusWord::Canceled,
            Some(failure),
        ) => Some(Outcome::Refused(failure)),
        (StatusWord::Ended, None) => outcome::read(&body.payload),
        // An untyped error names the status only in its text, as "Invalid status code: 504".
        (StatusWord::Failed, None) => {
            let status = text.and_then(|text| text.rsplit(' ').next()?.parse().ok());
            let code = failures::by_status(status.unwrap_or(500));
            Some(Outcome::Refused(failures::of(code, "")))
        }
        (StatusWord::TimedOut | StatusWord::Canceled, None) => {
            failure_of(&word, None, None).map(Outcome::Refused)
        }
        (StatusWord::Waiting | StatusWord::Working | StatusWord::Unknown, _) => None,
    }
}

#[cfg(test)]
#[path = "evidence_tests.rs"]
mod tests;
