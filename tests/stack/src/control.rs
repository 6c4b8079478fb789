//! The control surface under `/_local`: the local cloud's knowledge about itself, and a few levers.
//!
//! Owns its paths and JSON. Refuses callers that did not come to this machine by its own name.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fakeaws::FakeAws;
use fakefal::{FakeFal, Mood, SendWebhook};
use fakestripe::{FakeStripe, Move, Resend};
use hyper::body::Incoming;
use hyper::header::{HOST, ORIGIN};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use serde_json::json;

use crate::http::{self, Answer};
use crate::runtime::Pool;
use crate::schedules::Scheduled;

const BODY_SIZE_BYTES_MAX: usize = 64 * 1024;
const WEBHOOKS_MAX: u32 = 100;
/// Ten minutes: longer than any function waits.
const PUT_MS_MAX: u64 = 600_000;
/// The most requests of one transaction that may be told that it is under way.
const UNCLEAR_TRIES_MAX: u32 = 100;

/// The parts of the cloud that can be asked about or acted on.
pub struct Control {
    /// The functions, by their binaries' names.
    pub functions: BTreeMap<String, Arc<Pool>>,
    /// The schedules, by their functions' binaries' names.
    pub schedules: BTreeMap<String, Scheduled>,
    /// The AWS services.
    pub aws: FakeAws,
    /// The provider's stand-in.
    pub fal: Option<FakeFal>,
    /// Stripe's stand-in.
    pub stripe: Option<FakeStripe>,
}

impl Control {
    /// Answers one request; `path` is the part after `/_local/`.
    pub async fn serve(&self, path: &str, request: Request<Incoming>) -> Answer {
        if !is_local(request.headers()) {
            return refusal(StatusCode::FORBIDDEN, "only for callers on this machine");
        }
        let segments: Vec<&str> = path.split('/').collect();
        let (method, segments) = (request.method().clone(), segments.as_slice());
        match (method, segments) {
            (Method::GET, ["functions"]) => list(
                &self
                    .functions
                    .values()
                    .map(|pool| pool.status())
                    .collect::<Vec<_>>(),
            ),
            (Method::POST, ["functions", function, "kill"]) => self.kill(function).await,
            (Method::GET, ["queues"]) => list(&self.aws.sqs().status().await),
            (Method::POST, ["schedules", function, "run"]) => {
                self.run_schedule(function, request.into_body()).await
            }
            (Method::POST, ["s3", "slow"]) => self.slow_s3(request.into_body()).await,
            (Method::POST, ["dynamodb", "unclear", tries]) => self.unclear_transactions(tries),
            (Method::GET, ["mail"]) => list(&self.aws.mail()),
            (method, ["fal", rest @ ..]) => match &self.fal {
                Some(fal) => serve_fal(fal, &method, rest, request.into_body()).await,
                None => no_stand_in(),
            },
            (method, ["stripe", rest @ ..]) => match &self.stripe {
                Some(stripe) => serve_stripe(stripe, &method, rest, request.into_body()).await,
                None => no_stand_in(),
            },
            (
                _,
                ["functions"]
                | ["functions", _, "kill"]
                | ["queues"]
                | ["schedules", _, "run"]
                | ["s3", "slow"]
                | ["dynamodb", "unclear", _]
                | ["mail"],
            ) => wrong_method(),
            _ => nothing_here(),
        }
    }

    async fn kill(&self, function: &str) -> Answer {
        match self.functions.get(function) {
            Some(pool) => http::json(StatusCode::OK, &json!({ "killed": pool.kill().await })),
            None => unknown("function", function),
        }
    }

    /// Commits transactions but tells `tries` of their requests that they are under way; 0 ends that.
    fn unclear_transactions(&self, tries: &str) -> Answer {
        match tries.parse::<u32>() {
            Ok(tries) if tries <= UNCLEAR_TRIES_MAX => {
                self.aws.unclear_transactions(tries);
                http::json(StatusCode::OK, &json!({ "tries": tries }))
            }
            Ok(_) | Err(_) => refusal(StatusCode::BAD_REQUEST, "tries must be from 0 to 100"),
        }
    }

    /// Slows S3 down; without a body it is as fast as usual again.
    async fn slow_s3(&self, body: Incoming) -> Answer {
        let Ok(body) = http::body(body, BODY_SIZE_BYTES_MAX).await else {
            return refusal(StatusCode::BAD_REQUEST, "the body cannot be read");
        };
        let body = if body.is_empty() { "{}".into() } else { body };
        match serde_json::from_slice::<Slow>(&body) {
            Ok(slow) if slow.put_ms <= PUT_MS_MAX => {
                self.aws.slow_puts(Duration::from_millis(slow.put_ms));
                http::json(StatusCode::OK, &json!({ "put_ms": slow.put_ms }))
            }
            Ok(_) => refusal(StatusCode::BAD_REQUEST, "put_ms must be at most 600000"),
            Err(problem) => refusal(StatusCode::BAD_REQUEST, &problem.to_string()),
        }
    }

    /// Runs a schedule now. A body replaces the schedule's event.
    async fn run_schedule(&self, function: &str, body: Incoming) -> Answer {
        let Ok(body) = http::body(body, BODY_SIZE_BYTES_MAX).await else {
            return refusal(StatusCode::BAD_REQUEST, "the body cannot be read");
        };
        if !body.is_empty() && serde_json::from_slice::<serde_json::Value>(&body).is_err() {
            return refusal(StatusCode::BAD_REQUEST, "the body is not JSON");
        }
        let asked = (!body.is_empty()).then_some(body);
        match self.schedules.get(function) {
            Some(scheduled) => http::json(StatusCode::OK, &scheduled.run_now(asked).await),
            None if self.functions.contains_key(function) => refusal(
                StatusCode::NOT_FOUND,
                &format!("the function {function} has no schedule"),
            ),
            None => unknown("function", function),
        }
    }
}

async fn serve_fal(fal: &FakeFal, method: &Method, path: &[&str], body: Incoming) -> Answer {
    match (method, path) {
        (&Method::GET, ["jobs"]) => list(&fal.jobs().await),
        (&Method::POST, ["jobs", id, "webhook"]) => send_webhook(fal, id, body).await,
        (&Method::GET, ["mood"]) => http::json(StatusCode::OK, &fal.mood()),
        (&Method::POST, ["mood"]) => set_mood(fal, body).await,
        (_, ["jobs"] | ["jobs", _, "webhook"] | ["mood"]) => wrong_method(),
        _ => nothing_here(),
    }
}

/// Sets the account's mood and returns it; without a body, the default mood.
async fn set_mood(fal: &FakeFal, body: Incoming) -> Answer {
    let Ok(body) = http::body(body, BODY_SIZE_BYTES_MAX).await else {
        return refusal(StatusCode::BAD_REQUEST, "the body cannot be read");
    };
    let body = if body.is_empty() { "{}".into() } else { body };
    match serde_json::from_slice::<Mood>(&body) {
        Ok(mood) => {
            fal.set_mood(mood);
            http::json(StatusCode::OK, &fal.mood())
        }
        Err(problem) => refusal(StatusCode::BAD_REQUEST, &problem.to_string()),
    }
}

async fn send_webhook(fal: &FakeFal, id: &str, body: Incoming) -> Answer {
    let Ok(body) = http::body(body, BODY_SIZE_BYTES_MAX).await else {
        return refusal(StatusCode::BAD_REQUEST, "the body cannot be read");
    };
    let body = if body.is_empty() { "{}".into() } else { body };
    let again: SendWebhook = match serde_json::from_slice(&body) {
        Ok(again) => again,
        Err(problem) => return refusal(StatusCode::BAD_REQUEST, &problem.to_string()),
    };
    if !(1..=WEBHOOKS_MAX).contains(&again.times) {
        return refusal(StatusCode::BAD_REQUEST, "times must be from 1 to 100");
    }
    match fal.send_webhook(id, again).await {
        Some(statuses) => http::json(StatusCode::OK, &json!({ "statuses": statuses })),
        None => unknown("job", id),
    }
}

/// The wanted slowness of S3.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Slow {
    /// The delay of the answer to each PUT.
    put_ms: u64,
}

/// A movement of a session's money.
#[derive(Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Act {
    /// For a refund: its amount.
    amount: Option<i64>,
    /// For a dispute: its state.
    status: Option<String>,
    /// Whether the event is kept back until it is sent again.
    hold_back: bool,
}

async fn serve_stripe(
    stripe: &FakeStripe,
    method: &Method,
    path: &[&str],
    body: Incoming,
) -> Answer {
    if *method == Method::GET {
        return match path {
            ["sessions"] => list(&stripe.sessions()),
            ["events"] => list(&stripe.events()),
            _ => nothing_here(),
        };
    }
    if *method != Method::POST {
        return wrong_method();
    }
    let Ok(body) = http::body(body, BODY_SIZE_BYTES_MAX).await else {
        return refusal(StatusCode::BAD_REQUEST, "the body cannot be read");
    };
    let body = if body.is_empty() { "{}".into() } else { body };
    match path {
        ["events", id, "resend"] => match serde_json::from_slice::<Resend>(&body) {
            Ok(again) if (1..=WEBHOOKS_MAX).contains(&again.times) => {
                match stripe.resend(id, again).await {
                    Some(statuses) => http::json(StatusCode::OK, &json!({ "statuses": statuses })),
                    None => unknown("event", id),
                }
            }
            Ok(_) => refusal(StatusCode::BAD_REQUEST, "times must be from 1 to 100"),
            Err(problem) => refusal(StatusCode::BAD_REQUEST, &problem.to_string()),
        },
        ["fail", count] => match count.parse::<u32>().map(|count| stripe.fail(count)) {
            Ok(Ok(())) => http::json(StatusCode::OK, &json!({ "count": count })),
            Ok(Err(problem)) => refusal(StatusCode::BAD_REQUEST, &problem.to_string()),
            Err(_) => refusal(StatusCode::BAD_REQUEST, "how many must be a whole number"),
        },
        ["sessions", id, what @ ("complete" | "refund" | "dispute")] => {
            let act: Act = match serde_json::from_slice(&body) {
                Ok(act) => act,
                Err(problem) => return refusal(StatusCode::BAD_REQUEST, &problem.to_string()),
            };
            let step = match *what {
                "complete" => Move::Pay,
                "refund" => Move::Refund(act.amount),
                _ => Move::Dispute(act.status.unwrap_or_else(|| "needs_response".to_owned())),
            };
            match stripe.act(id, &step, !act.hold_back) {
                Ok(Some(event)) => http::json(StatusCode::OK, &event),
                Ok(None) => unknown("session", id),
                Err(problem) => refusal(StatusCode::CONFLICT, &problem.to_string()),
            }
        }
        _ => nothing_here(),
    }
}

/// Whether a request comes from this machine: a page of the web could make a browser call this surface, but
/// cannot forge these two headers.
fn is_local(headers: &HeaderMap) -> bool {
    let is_loopback = |host: &str| matches!(host, "127.0.0.1" | "localhost" | "[::1]");
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or_default())
    };
    let host = text(HOST).and_then(|host| host.parse::<hyper::http::uri::Authority>().ok());
    let origin = text(ORIGIN).map(|origin| origin.parse::<Uri>().ok());
    host.is_some_and(|host| is_loopback(host.host()))
        && origin.is_none_or(|origin| {
            origin.is_some_and(|origin| origin.host().is_some_and(is_loopback))
        })
}

fn list<T: serde::Serialize>(items: &[T]) -> Answer {
    http::json(StatusCode::OK, &json!({ "data": items }))
}

fn unknown(kind: &str, name: &str) -> Answer {
    refusal(StatusCode::NOT_FOUND, &format!("there is no {kind} {name}"))
}

fn no_stand_in() -> Answer {
    refusal(
        StatusCode::NOT_FOUND,
        "the real service is in use, so there is no stand-in",
    )
}

fn nothing_here() -> Answer {
    refusal(StatusCode::NOT_FOUND, "there is nothing at this path")
}

fn wrong_method() -> Answer {
    refusal(
        StatusCode::METHOD_NOT_ALLOWED,
        "the method does not fit the path",
    )
}

fn refusal(status: StatusCode, message: &str) -> Answer {
    http::json(status, &json!({ "message": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_callers_on_this_machine_are_answered() {
        let cases = [
            (Some("127.0.0.1:3000"), None, true),
            (Some("localhost"), None, true),
            (Some("[::1]:3000"), None, true),
            (Some("localhost:3000"), Some("http://localhost:8080"), true),
            (Some("localhost:3000"), Some("https://evil.example"), false),
            (Some("localhost:3000"), Some("null"), false),
            (Some("evil.example:3000"), None, false),
            (Some("127.0.0.1.evil.example"), None, false),
            (None, None, false),
        ];
        for (host, origin, expected) in cases {
            let mut headers = HeaderMap::new();
            if let Some(host) = host {
                headers.insert(HOST, host.parse().unwrap());
            }
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(is_local(&headers), expected, "{host:?} {origin:?}");
        }
    }
}
