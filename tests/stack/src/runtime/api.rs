//! The Lambda Runtime API, as one function instance sees it.
//!
//! Owns the protocol of one sandbox. Refuses to know processes, which the instance starts and ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot, watch};

use super::FunctionError;
use crate::http::{self, Answer, BodyError};

/// AWS's bound on a synchronous answer.
const RESPONSE_SIZE_BYTES_MAX: usize = 6_291_556;
const ERROR_SIZE_BYTES_MAX: usize = 256 * 1024;

/// One invocation on its way through an instance.
pub(super) struct Work {
    pub request_id: String,
    pub payload: Bytes,
    pub timeout: Duration,
    /// Set once the function has received the payload: from then on it is not safe to try again.
    pub taken: Arc<AtomicBool>,
    pub reply: oneshot::Sender<Result<Bytes, FunctionError>>,
}

/// The progress of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The process is starting.
    Starting,
    /// It has asked for its first invocation.
    Ready,
    /// It reported that it cannot start.
    Failed(FunctionError),
    /// The process has ended.
    Ended(String),
}

/// The Runtime API's side of one instance.
pub(super) struct Sandbox {
    work: tokio::sync::Mutex<mpsc::Receiver<Work>>,
    current: Mutex<Option<Work>>,
    stage: watch::Sender<Stage>,
    arn: String,
}

impl Sandbox {
    pub(super) fn new(
        work: mpsc::Receiver<Work>,
        stage: watch::Sender<Stage>,
        arn: String,
    ) -> Arc<Self> {
        let work = tokio::sync::Mutex::new(work);
        Arc::new(Self {
            work,
            current: Mutex::new(None),
            stage,
            arn,
        })
    }

    /// Ends the sandbox: it hands out no more work, and running work gets no reply.
    pub(super) fn end(&self, reason: String) {
        self.stage.send_if_modified(|stage| match stage {
            Stage::Starting | Stage::Ready => {
                *stage = Stage::Ended(reason);
                true
            }
            Stage::Failed(_) | Stage::Ended(_) => false,
        });
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }

    pub(super) async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let path = request.uri().path().to_owned();
        let Some(path) = path.strip_prefix("/2018-06-01/runtime/") else {
            return http::empty(StatusCode::NOT_FOUND);
        };
        let segments: Vec<&str> = path.split('/').collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => {
                self.respond(id, request.into_body()).await
            }
            (&Method::POST, ["invocation", id, "error"]) => {
                let error = read_error(request.into_body()).await;
                self.finish(id, Err(error))
            }
            (&Method::POST, ["init", "error"]) => {
                let error = read_error(request.into_body()).await;
                self.stage.send_replace(Stage::Failed(error));
                accepted()
            }
            _ => http::empty(StatusCode::NOT_FOUND),
        }
    }

    /// Waits for an invocation and hands it out.
    async fn next(&self) -> Answer {
        self.stage.send_if_modified(|stage| {
            let starting = *stage == Stage::Starting;
            if starting {
                *stage = Stage::Ready;
            }
            starting
        });
        let Some(work) = self.work.lock().await.recv().await else {
            return http::empty(StatusCode::GONE);
        };
        work.taken.store(true, Ordering::Release);
        let deadline = OffsetDateTime::now_utc() + work.timeout;
        let deadline_ms = deadline.unix_timestamp_nanos() / 1_000_000;
        let answer = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &work.request_id)
            .header("lambda-runtime-deadline-ms", deadline_ms.to_string())
            .header("lambda-runtime-invoked-function-arn", &self.arn)
            .header(
                "lambda-runtime-trace-id",
                trace_id(&work.request_id, deadline),
            )
            .body(Full::new(work.payload.clone()));
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
        answer.unwrap_or_else(|_| http::empty(StatusCode::INTERNAL_SERVER_ERROR))
    }

    async fn respond(&self, id: &str, body: Incoming) -> Answer {
        match http::body(body, RESPONSE_SIZE_BYTES_MAX).await {
            Ok(body) => self.finish(id, Ok(body)),
            Err(BodyError::TooLarge) => {
                let message = format!(
                    "Response payload size exceeded maximum allowed payload size \
                     ({RESPONSE_SIZE_BYTES_MAX} bytes)."
                );
                let error = FunctionError::new("Function.ResponseSizeTooLarge", message);
                self.finish(id, Err(error));
                http::empty(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Err(BodyError::Broken) => http::empty(StatusCode::BAD_REQUEST),
        }
    }

    fn finish(&self, id: &str, outcome: Result<Bytes, FunctionError>) -> Answer {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.take_if(|work| work.request_id == id) {
            // The caller may have given up waiting; the function has done its part all the same.
            Some(work) => drop(work.reply.send(outcome)),
            None => {
                let error = FunctionError::new("InvalidRequestID", "Invalid request ID");
                return http::json(StatusCode::BAD_REQUEST, &error);
            }
        }
        accepted()
    }
}

async fn read_error(body: Incoming) -> FunctionError {
    let body = http::body(body, ERROR_SIZE_BYTES_MAX)
        .await
        .unwrap_or_default();
    serde_json::from_slice(&body)
        .unwrap_or_else(|_| FunctionError::new("Unhandled", "the error has no readable body"))
}

fn accepted() -> Answer {
    http::json(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

/// A trace id in X-Ray's form, made from the request's own id.
fn trace_id(request_id: &str, now: OffsetDateTime) -> String {
    let hex: String = request_id.chars().filter(char::is_ascii_hexdigit).collect();
    let root = hex.get(..24).unwrap_or("000000000000000000000000");
    format!("Root=1-{:08x}-{root};Sampled=0", now.unix_timestamp())
}
