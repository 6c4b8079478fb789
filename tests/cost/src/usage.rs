//! The measured use: the local cloud runs the real functions, and its DynamoDB counts capacity units.
//!
//! Owns the definition of a generation, for the bill, and of an idle month. Refuses to know prices.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::{Value, json};
use stack::{Binaries, Error, Options, Stack};

/// The number of generations that are measured. Each figure is their mean.
const GENERATIONS: u32 = 40;
/// The time of a call to AWS from a function beside it: DynamoDB and SQS usually need this long.
const CALL: Duration = Duration::from_millis(4);
/// The time in which the provider answers a submit, and its storage sends the output; each happens once in a
/// generation.
const PROVIDER: Duration = Duration::from_millis(1_500);
/// The number of times that its client looks at a generation until it has ended.
const LOOKS: u32 = 5;
const PATIENCE: Duration = Duration::from_secs(60);

/// An amount of use, such as that of a month.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Requests to the API.
    pub requests: f64,
    /// Invocations of functions.
    pub invocations: f64,
    /// Their time times their memory.
    pub gigabyte_seconds: f64,
    /// Capacity units read.
    pub read_units: f64,
    /// Capacity units written.
    pub write_units: f64,
    /// Requests to queues: each message is sent, received and deleted.
    pub message_requests: f64,
    /// Bytes logged.
    pub log_bytes: f64,
}

impl Usage {
    /// The use of this many times as much.
    pub fn times(self, count: f64) -> Self {
        Self {
            requests: self.requests * count,
            invocations: self.invocations * count,
            gigabyte_seconds: self.gigabyte_seconds * count,
            read_units: self.read_units * count,
            write_units: self.write_units * count,
            message_requests: self.message_requests * count,
            log_bytes: self.log_bytes * count,
        }
    }

    /// The use of this and `other` together.
    pub fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            invocations: self.invocations + other.invocations,
            gigabyte_seconds: self.gigabyte_seconds + other.gigabyte_seconds,
            read_units: self.read_units + other.read_units,
            write_units: self.write_units + other.write_units,
            message_requests: self.message_requests + other.message_requests,
            log_bytes: self.log_bytes + other.log_bytes,
        }
    }
}

/// The use of one generation, and of one run of each schedule.
pub struct Measured {
    /// One generation: an order, its worker, its webhook, its settlement, and its client's looks.
    pub generation: Usage,
    /// One run, by the function's name.
    pub schedules: BTreeMap<String, Usage>,
}

/// Measures both on a cloud of its own.
pub async fn measure(binaries: Binaries, schedules: &[String]) -> Result<Measured, Error> {
    let data = tempfile::tempdir().map_err(|problem| Error::new(problem.to_string()))?;
    let parameters = [
        ("SignUpCreditsAt", "registration"),
        ("SignUpCredits", "100000"),
        ("SharedKeys", "1"),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let stack = Stack::start(Options {
        template: stack::workspace_root().join("template.yaml"),
        binaries,
        data: Some(data.path().to_owned()),
        no_throttle: true,
        parameters: BTreeMap::from(parameters),
        ..Options::default()
    })
    .await?;
    // The provider's stand-in may have installed the same one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new();
    let meter = Meter { stack, client };
    let measured = meter.run(schedules).await;
    meter.stack.shutdown().await;
    measured
}

struct Meter {
    stack: Stack,
    client: Client,
}

impl Meter {
    async fn run(&self, schedules: &[String]) -> Result<Measured, Error> {
        let body = json!({"email": "ada@example.org", "password": "a long enough phrase 7"});
        let user = self.ask("/auth/register", None, Some(&body)).await?;
        let token = user["access_token"].as_str().unwrap_or_default().to_owned();
        // The first time, functions start and fetch what they need only once.
        self.generate(&token).await?;
        self.quiet().await?;
        self.stack.aws().watch_calls(CALL);

        let before = self.so_far();
        for _ in 0..GENERATIONS {
            self.generate(&token).await?;
        }
        self.quiet().await?;
        let all = self.since(&before);
        let mut generation = all.times(1.0 / f64::from(GENERATIONS));
        // The worker that submits has 256 MB, and the one that settles 1 GB.
        generation.gigabyte_seconds += PROVIDER.as_secs_f64() * self.memory_gb("jobs-submit");
        generation.gigabyte_seconds += PROVIDER.as_secs_f64() * self.memory_gb("jobs-settle");

        let mut runs = BTreeMap::new();
        for function in schedules {
            let before = self.so_far();
            let path = format!("{}/_local/schedules/{function}/run", self.stack.origin());
            self.send(self.client.post(path).json(&Value::Null)).await?;
            runs.insert(function.clone(), self.since(&before));
        }
        Ok(Measured {
            generation,
            schedules: runs,
        })
    }

    /// Generates one picture: orders, watches and downloads it, like a client.
    async fn generate(&self, token: &str) -> Result<(), Error> {
        let body =
            json!({"prompt": "a red fox in deep snow, at dusk, photographed from a low angle"});
        let ended = self.ended();
        let order = self
            .ask("/generations/flux-dev", Some(token), Some(&body))
            .await?;
        let path = format!("/generations/{}", order["id"].as_str().unwrap_or_default());
        self.ask(&path, Some(token), None).await?;
        // The number of looks is set above, so it does not depend on how fast this machine is.
        self.until(
            "a generation did not end",
            async || Ok(self.ended() > ended),
        )
        .await?;
        let mut seen = Value::Null;
        for _ in 1..LOOKS {
            seen = self.ask(&path, Some(token), None).await?;
        }
        let address = seen["outputs"][0]["url"].as_str().unwrap_or_default();
        let failed = |problem: reqwest::Error| Error::new(problem.to_string());
        let picture = self.client.get(address).send().await.map_err(failed)?;
        picture.error_for_status().map_err(failed)?;
        Ok(())
    }

    /// The number of jobs that have ended: each is measured.
    fn ended(&self) -> usize {
        let lines = self.stack.logs();
        lines
            .iter()
            .filter(|line| line.contains(r#""Outcome":"#))
            .count()
    }

    async fn until(
        &self,
        otherwise: &str,
        mut is_done: impl AsyncFnMut() -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let give_up_at = Instant::now() + PATIENCE;
        while !is_done().await? {
            if Instant::now() > give_up_at {
                return Err(Error::new(otherwise));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn ask(
        &self,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let url = format!("{}{path}", self.stack.url());
        let request = match body {
            Some(body) => self.client.post(url).json(body),
            None => self.client.get(url),
        };
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.send(request).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, Error> {
        let failed = |problem: reqwest::Error| Error::new(problem.to_string());
        let answer = request.send().await.map_err(failed)?;
        let answer = answer.error_for_status().map_err(failed)?;
        answer.json().await.map_err(failed)
    }

    /// Whether no message waits and no worker runs.
    async fn is_quiet(&self) -> Result<bool, Error> {
        let url = format!("{}/_local/queues", self.stack.origin());
        let queues = self.send(self.client.get(url)).await?;
        let is_idle = |queue: &Value| queue["visible"] == 0 && queue["in_flight"] == 0;
        Ok(queues["data"]
            .as_array()
            .is_some_and(|all| all.iter().all(is_idle)))
    }

    async fn quiet(&self) -> Result<(), Error> {
        self.until("the workers do not come to an end", async || {
            self.is_quiet().await
        })
        .await
    }

    fn memory_gb(&self, function: &str) -> f64 {
        f64::from(self.stack.memory_mb(function).unwrap_or_default()) / 1024.0
    }

    /// The use since the start.
    fn so_far(&self) -> Usage {
        let mut usage = Usage::default();
        for line in self.stack.logs() {
            usage.log_bytes += line.len() as f64;
            let Some((function, text)) = line.split_once(" | ") else {
                continue;
            };
            let Ok(measured) = serde_json::from_str::<Value>(text) else {
                continue;
            };
            let Some(latency_ms) = measured["Latency"].as_f64() else {
                continue;
            };
            usage.invocations += 1.0;
            // Lambda counts whole milliseconds, rounded up.
            let seconds = (latency_ms + 1.0) / 1_000.0;
            usage.gigabyte_seconds += seconds * self.memory_gb(function);
            if !function.starts_with("jobs-") && function != "accounts-authorize" {
                usage.requests += 1.0;
            }
        }
        for (operation, asked) in self.stack.aws().dynamodb_counts() {
            let units = asked.half_units as f64 / 2.0;
            match operation.split(' ').next() {
                Some("GetItem" | "BatchGetItem" | "Query") => usage.read_units += units,
                _ => usage.write_units += units,
            }
        }
        usage
    }

    fn since(&self, before: &Usage) -> Usage {
        let sent = self.stack.aws().take_calls();
        let sent = sent
            .iter()
            .filter(|call| call.operation == "SendMessage")
            .count();
        let mut used = self.so_far().and(before.times(-1.0));
        used.message_requests = 3.0 * sent as f64;
        used
    }
}
