//! A local cloud, and a client that asks it and takes the time.
//!
//! Owns the form of an answer that counts. Refuses to know which requests are measured.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fakeaws::FakeAws;
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
    /// Dropping it removes the cloud's data.
    data: TempDir,
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
            data,
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

    /// The number of cold starts that these functions have had.
    pub async fn cold_starts(&self, functions: &[&str]) -> Result<u64, Error> {
        let told = self.functions(functions).await?;
        let counts = told.iter().map(|function| function["cold_starts"].as_u64());
        let unknown = || Error::new("the local cloud does not count cold starts");
        counts.sum::<Option<u64>>().ok_or_else(unknown)
    }

    /// The processor time that the running instances of these functions have used since they were started;
    /// `None` on a system without Linux's `schedstat`.
    pub async fn processor_time(&self, functions: &[&str]) -> Result<Option<Duration>, Error> {
        let told = self.functions(functions).await?;
        let instances = told
            .iter()
            .filter_map(|function| function["instances"].as_array());
        let times = instances.flatten().map(|instance| {
            let process = instance["pid"].as_u64()?;
            processor_time(process)
        });
        Ok(times.sum())
    }

    /// The local cloud's account of functions, in their order.
    async fn functions(&self, names: &[&str]) -> Result<Vec<Value>, Error> {
        let url = format!("{}/_local/functions", self.stack.origin());
        let told = answer(self.client.get(url), StatusCode::OK).await?;
        let told: Value =
            serde_json::from_slice(&told.body).map_err(because("an answer is not JSON"))?;
        let find = |name: &&str| {
            let known = told["data"].as_array().into_iter().flatten();
            let found = known.clone().find(|known| known["name"] == **name);
            found
                .cloned()
                .ok_or_else(|| Error::new(format!("the local cloud does not know {name}")))
        };
        names.iter().map(find).collect()
    }

    /// The variables that the template declares for each function, by its logical id.
    pub fn environments(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, Error> {
        let text = std::fs::read(self.data.path().join("sam-local.json"));
        let text = text.map_err(because("the functions' variables cannot be read"))?;
        serde_json::from_slice(&text).map_err(because("the functions' variables are not JSON"))
    }

    /// The folder of its data, which goes with it.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }

    /// The AWS services behind the functions.
    pub fn aws(&self) -> &FakeAws {
        self.stack.aws()
    }

    /// Stops everything that the cloud started.
    pub async fn shutdown(self) {
        self.stack.shutdown().await;
    }
}

/// The processor time of all threads of a process.
fn processor_time(process: u64) -> Option<Duration> {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).ok()?;
    let times = threads.map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        let running_ns = text.split_whitespace().next()?.parse().ok()?;
        Some(Duration::from_nanos(running_ns))
    });
    times.sum()
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
