//! A local cloud, and a client that asks it and takes the time.
//!
//! Owns the form of an answer that counts. Refuses to know which requests are measured.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use stack::{Binaries, Error, Log, Options, Stack};
use tempfile::TempDir;

/// The number of characters of an unexpected answer that are shown.
const SHOWN_CHARS_MAX: usize = 300;
/// Longer than any answer takes, unless something is broken.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// A running local cloud.
pub struct Cloud {
    stack: Stack,
    client: Client,
    /// Held to the end: dropping it removes the cloud's data.
    _data: TempDir,
}

/// An expected answer.
pub struct Answer {
    /// The time from sending the request to the last byte of the answer.
    pub took: Duration,
    body: Bytes,
}

impl Answer {
    /// A string in the answer's JSON, found by its pointer.
    pub fn text(&self, pointer: &str) -> Result<String, Error> {
        let body: Value =
            serde_json::from_slice(&self.body).map_err(because("an answer is not JSON"))?;
        let found = body.pointer(pointer).and_then(Value::as_str);
        found
            .map(str::to_owned)
            .ok_or_else(|| Error::new(format!("an answer has no {pointer}")))
    }
}

impl Cloud {
    /// Serves `template` with `binaries`, unthrottled, in a folder of its own.
    pub async fn start(
        template: PathBuf,
        binaries: &Binaries,
        parameters: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let data = tempfile::tempdir().map_err(because("there is no room for data"))?;
        let stack = Stack::start(Options {
            template,
            binaries: binaries.clone(),
            port: 0,
            data: Some(data.path().to_owned()),
            no_throttle: true,
            docker: false,
            parameters,
            log: Log::Silent,
            retired: Vec::new(),
            fal_key: None,
            stripe: None,
        })
        .await?;
        // The provider's stand-in may have installed the same one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(because("there is no client"))?;
        Ok(Self {
            stack,
            client,
            _data: data,
        })
    }

    /// A GET of the API.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.stack.url()))
    }

    /// A POST to the API.
    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        let url = format!("{}{path}", self.stack.url());
        self.client.post(url).json(body)
    }

    /// Ends every instance of a function, so that its next request meets a cold start.
    pub async fn kill(&self, function: &str) -> Result<(), Error> {
        let origin = self.stack.origin();
        let url = format!("{origin}/_local/functions/{function}/kill");
        answer(self.client.post(url), StatusCode::OK)
            .await
            .map(drop)
    }

    /// The number of cold starts that a function has had.
    pub async fn cold_starts(&self, function: &str) -> Result<u64, Error> {
        let url = format!("{}/_local/functions", self.stack.origin());
        let status = answer(self.client.get(url), StatusCode::OK).await?;
        let status: Value =
            serde_json::from_slice(&status.body).map_err(because("an answer is not JSON"))?;
        let functions = status["data"].as_array();
        let found = functions
            .into_iter()
            .flatten()
            .find(|known| known["name"] == function);
        found
            .and_then(|known| known["cold_starts"].as_u64())
            .ok_or_else(|| Error::new(format!("the local cloud does not count {function}")))
    }

    /// Stops everything that the cloud started.
    pub async fn shutdown(self) {
        self.stack.shutdown().await;
    }
}

/// Sends a request, whose answer must have the status `expected`.
pub async fn answer(request: RequestBuilder, expected: StatusCode) -> Result<Answer, Error> {
    let sent = Instant::now();
    let response = request
        .send()
        .await
        .map_err(because("a request had no answer"))?;
    let status = response.status();
    let path = response.url().path().to_owned();
    let body = response
        .bytes()
        .await
        .map_err(because("an answer broke off"))?;
    let took = sent.elapsed();
    if status == expected {
        return Ok(Answer { took, body });
    }
    let text = String::from_utf8_lossy(&body);
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    Err(Error::new(format!(
        "{path} answered {status} instead of {expected}: {shown}"
    )))
}

/// Puts a sentence before a problem.
pub fn because<P: Display>(sentence: &str) -> impl FnOnce(P) -> Error {
    move |problem| Error::new(format!("{sentence}: {problem}"))
}
