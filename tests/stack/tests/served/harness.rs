//! Starts local clouds for the tests, and asks them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use fakeaws::FakeAws;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use stack::{Binaries, Options, Stack};

/// The binaries that the fixture template names; all of them are the same program.
pub const BINARIES: [&str; 6] = [
    "authorizer",
    "main",
    "impatient",
    "never-starts",
    "worker",
    "nightly",
];

/// The fixture's queue.
pub const QUEUE: &str = "velro-local-jobs";

const DEADLINE: Duration = Duration::from_secs(20);
const POLL_EVERY: Duration = Duration::from_millis(20);

pub const FUNCTION: &str = env!("CARGO_BIN_EXE_fixture-function");
pub const CLOUD: &str = env!("CARGO_BIN_EXE_fixture-cloud");

pub fn template() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/served/template.yaml")
}

pub fn binaries() -> Binaries {
    BINARIES
        .iter()
        .map(|name| ((*name).to_owned(), PathBuf::from(FUNCTION)))
        .collect()
}

pub fn options() -> Options {
    Options {
        template: template(),
        binaries: binaries(),
        ..Options::default()
    }
}

pub struct Cloud {
    pub stack: Stack,
    pub client: Client,
}

pub fn client() -> Client {
    // The provider's stand-in may have installed the same one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

impl Cloud {
    pub async fn start() -> Self {
        Self::start_with(options()).await
    }

    pub async fn start_with(options: Options) -> Self {
        let stack = Stack::start(options).await.unwrap();
        Self {
            stack,
            client: client(),
        }
    }

    /// A request to the API.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.stack.url()))
    }

    /// Answers a GET of the API.
    pub async fn answer(&self, path: &str) -> Response {
        self.get(path).send().await.unwrap()
    }

    /// Answers a GET of the API with this credential.
    pub async fn answer_to(&self, credential: &str, path: &str) -> Response {
        self.get(path)
            .header("authorization", credential)
            .send()
            .await
            .unwrap()
    }

    /// The control surface's list at `path`.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let url = format!("{}/_local/{path}", self.stack.origin());
        let answer: Value = self
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        answer["data"].as_array().unwrap().clone()
    }

    pub async fn post_local(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/_local/{path}", self.stack.origin());
        let answer = self.client.post(url).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The control surface's report about a function.
    pub async fn function(&self, name: &str) -> Value {
        let functions = self.list("functions").await;
        functions
            .into_iter()
            .find(|function| function["name"] == name)
            .unwrap()
    }

    /// The control surface's report about a queue.
    pub async fn queue(&self, name: &str) -> Value {
        let queues = self.list("queues").await;
        queues
            .into_iter()
            .find(|queue| queue["name"] == name)
            .unwrap()
    }

    /// The number of lines of the functions' output that are exactly `line`.
    pub fn logged(&self, line: &str) -> usize {
        self.stack
            .logs()
            .iter()
            .filter(|known| known.as_str() == line)
            .count()
    }

    /// Checks that `line` comes to be in the functions' output this many times. It may arrive after the
    /// answer.
    pub async fn expect_logged(&self, line: &str, times: usize) {
        eventually(line, async || self.logged(line) >= times).await;
        assert_eq!(self.logged(line), times, "{line}");
    }

    /// Puts a message into the fixture's queue.
    pub async fn send(&self, body: &str) {
        send(self.stack.aws(), body).await;
    }
}

/// Puts a message into the fixture's queue.
pub async fn send(aws: &FakeAws, body: &str) {
    let answer = client()
        .post(aws.endpoint())
        .header("x-amz-target", "AmazonSQS.SendMessage")
        .header("content-type", "application/x-amz-json-1.0")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sqs/aws4_request, \
             SignedHeaders=host, Signature=0",
        )
        .json(&serde_json::json!({
            "QueueUrl": aws.sqs().queue_url(QUEUE),
            "MessageBody": body,
        }))
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success(), "{:?}", answer.text().await);
}

/// Waits until `holds` is true; fails when that takes too long.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !holds().await {
        assert!(
            started.elapsed() < DEADLINE,
            "it never came to be that {what}"
        );
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// Whether a process still runs; one that has ended and was not yet collected does not.
pub fn is_running(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}
