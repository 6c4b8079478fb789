//! One start of one function: its process, and a Runtime API that hands it one event.
//!
//! Owns the times of its steps. Refuses to know the function's work.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use stack::Error;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::throttle::Throttle;
use crate::cloud::because;

/// Longer than any step takes, also at a seventh of a core.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that an invocation is told it has.
const INVOCATION_MS: u128 = 10_000;

/// A function as this bench starts it.
pub struct Function {
    /// Its name in the table.
    pub name: &'static str,
    /// Its binary.
    pub path: PathBuf,
    /// Its whole environment but for the Runtime API's address.
    pub environment: BTreeMap<String, String>,
    /// The event that it is sent.
    pub event: Bytes,
    /// Text that only its right answer has.
    pub answer_has: &'static str,
}

/// The times of one start.
pub struct Start {
    /// From the start of the process until it asks for its first event.
    pub init: Duration,
    /// From then, when it is sent the event, until its answer.
    pub first: Duration,
}

/// The function's side of a start: it asks for an event, and answers.
struct Conversation {
    asked: Mutex<Option<oneshot::Sender<()>>>,
    event: tokio::sync::Mutex<mpsc::Receiver<Bytes>>,
    answer: mpsc::Sender<Result<Bytes, Bytes>>,
}

/// Starts the function, sends it its event, and ends it. With a throttle, it has a whole core until it asks
/// for the event, and a share of one from then on, as on Lambda.
pub async fn start(function: &Function, throttle: Option<&Throttle>) -> Result<Start, Error> {
    let doing = "a function cannot be started";
    let (asked, is_asked) = oneshot::channel();
    let (events, event) = mpsc::channel(1);
    let (answer, mut answers) = mpsc::channel(1);
    let conversation = Arc::new(Conversation {
        asked: Mutex::new(Some(asked)),
        event: tokio::sync::Mutex::new(event),
        answer,
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.map_err(because(doing))?;
    let api = listener.local_addr().map_err(because(doing))?;
    let server = tokio::spawn(axum::serve(listener, runtime_api(conversation)).into_future());
    let mut command = Command::new(&function.path);
    command
        .env_clear()
        .envs(&function.environment)
        .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true);

    let began = Instant::now();
    let mut process = command.spawn().map_err(because(doing))?;
    let late = |step: &str| Error::new(format!("{} did not {step} in time", function.name));
    timeout(STEP_TIMEOUT, is_asked)
        .await
        .map_err(|_| late("start"))?
        .map_err(because("a function ended as it started"))?;
    let init = began.elapsed();
    if let (Some(throttle), Some(id)) = (throttle, process.id())
        && !throttle.confine(id)
    {
        return Err(Error::new("a process cannot be moved into its group"));
    }
    let sent = Instant::now();
    events
        .send(function.event.clone())
        .await
        .map_err(because(doing))?;
    let answered = timeout(STEP_TIMEOUT, answers.recv()).await;
    let first = sent.elapsed();
    let answered = answered.map_err(|_| late("answer"))?;
    process
        .kill()
        .await
        .map_err(because("a function cannot be ended"))?;
    server.abort();
    check(function, answered)?;
    Ok(Start { init, first })
}

fn check(function: &Function, answered: Option<Result<Bytes, Bytes>>) -> Result<(), Error> {
    let body = match &answered {
        Some(Ok(body)) if contains(body, function.answer_has) => return Ok(()),
        Some(Ok(body) | Err(body)) => String::from_utf8_lossy(body),
        None => "nothing".into(),
    };
    let name = function.name;
    Err(Error::new(format!(
        "{name} was started, and answered {body}"
    )))
}

fn contains(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

fn runtime_api(conversation: Arc<Conversation>) -> Router {
    let failed = post(
        async |State(conversation): State<Arc<Conversation>>, body: Bytes| {
            let _ = conversation.answer.send(Err(body)).await;
            StatusCode::ACCEPTED
        },
    );
    let answered = post(
        async |State(conversation): State<Arc<Conversation>>, body: Bytes| {
            let _ = conversation.answer.send(Ok(body)).await;
            StatusCode::ACCEPTED
        },
    );
    let base = "/2018-06-01/runtime";
    Router::new()
        .route(&format!("{base}/invocation/next"), get(next))
        .route(&format!("{base}/invocation/{{id}}/response"), answered)
        .route(&format!("{base}/invocation/{{id}}/error"), failed.clone())
        .route(&format!("{base}/init/error"), failed)
        .with_state(conversation)
}

/// Hands out the one event. The next request for one waits until the process is ended.
async fn next(State(conversation): State<Arc<Conversation>>) -> Response {
    let asked = conversation
        .asked
        .lock()
        .ok()
        .and_then(|mut asked| asked.take());
    if let Some(asked) = asked {
        let _ = asked.send(());
    }
    let Some(event) = conversation.event.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let deadline_ms = (now.as_millis() + INVOCATION_MS).to_string();
    let headers = [
        (
            "lambda-runtime-aws-request-id",
            "00000000-0000-4000-8000-000000000001",
        ),
        ("lambda-runtime-deadline-ms", &deadline_ms),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:bench",
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000001",
        ),
    ];
    (headers, event).into_response()
}
