//! Starts stand-ins for the tests, and asks them.

use std::path::Path;
use std::time::{Duration, Instant};

use fakefal::{Config, FakeFal};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// The longest time that a test waits for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(20);
const KEY: &str = "key";

/// The settings of a new stand-in, unless a test changes them.
pub fn config() -> Config {
    Config {
        data: None,
        port: 0,
        key: KEY.to_owned(),
        retired: Vec::new(),
        concurrency: None,
    }
}

/// A stand-in, and its client.
pub struct Fal {
    pub fal: FakeFal,
    pub http: Client,
}

/// A job that was accepted, as the answer to its submit describes it.
pub struct Submitted(pub Value);

impl Submitted {
    pub fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }
}

impl Fal {
    pub async fn start() -> Self {
        Self::start_with(config()).await
    }

    /// Starts a stand-in that keeps its jobs in a folder.
    pub async fn start_in(folder: &Path) -> Self {
        Self::start_with(Config {
            data: Some(folder.to_owned()),
            ..config()
        })
        .await
    }

    pub async fn start_with(config: Config) -> Self {
        let fal = FakeFal::start(config).await.unwrap();
        let http = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .build()
            .unwrap();
        Self { fal, http }
    }

    pub fn post(&self, input: &Value) -> RequestBuilder {
        self.ask(Method::POST, &format!("{}/fal-ai/flux/dev", self.fal.url()))
            .json(input)
    }

    pub fn ask(&self, method: Method, url: &str) -> RequestBuilder {
        self.http
            .request(method, url)
            .header("authorization", format!("Key {KEY}"))
    }

    /// Submits a job with this prompt; returns the answer.
    pub async fn try_submit(&self, prompt: &str) -> Response {
        self.post(&json!({ "prompt": prompt }))
            .send()
            .await
            .unwrap()
    }

    /// Submits a job with this prompt, which must be accepted.
    pub async fn submit(&self, prompt: &str) -> Submitted {
        self.submit_input(&json!({ "prompt": prompt })).await
    }

    pub async fn submit_input(&self, input: &Value) -> Submitted {
        let answer = self.post(input).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Submitted(answer.json().await.unwrap())
    }

    pub async fn status(&self, job: &Submitted) -> Response {
        let url = job.text("status_url");
        self.ask(Method::GET, url).send().await.unwrap()
    }

    pub async fn result(&self, job: &Submitted) -> Response {
        let url = job.text("response_url");
        self.ask(Method::GET, url).send().await.unwrap()
    }

    pub async fn cancel(&self, job: &Submitted) -> Response {
        let url = job.text("cancel_url");
        self.ask(Method::PUT, url).send().await.unwrap()
    }

    /// Reads a job's status, as JSON.
    pub async fn told(&self, job: &Submitted) -> Value {
        self.status(job).await.json().await.unwrap()
    }

    /// The real state of each job, oldest first, whatever its status says.
    pub async fn states(&self) -> Vec<&'static str> {
        let jobs = self.fal.jobs().await;
        jobs.into_iter().map(|job| job.state).collect()
    }

    /// Waits until every job has ended.
    pub async fn until_all_ended(&self) {
        eventually("every job to end", async || {
            let states = self.states().await;
            states.iter().all(|state| *state == "COMPLETED")
        })
        .await;
    }

    /// Submits a job that is over at once; returns it with its result.
    pub async fn finished(&self, input: &Value) -> (Submitted, Value) {
        let job = self.submit_input(input).await;
        self.until_all_ended().await;
        let result = self.result(&job).await;
        assert_eq!(result.status(), 200);
        (job, result.json().await.unwrap())
    }

    /// The address of the first picture of a job with this prompt.
    pub async fn picture(&self, prompt: &str) -> String {
        let input = json!({ "prompt": format!("{prompt} [[delay:1ms]]") });
        let (_, result) = self.finished(&input).await;
        result["images"][0]["url"].as_str().unwrap().to_owned()
    }
}

/// Waits until `is_so` holds.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < DEADLINE, "waited for {what}");
        tokio::time::sleep(POLL_EVERY).await;
    }
}

/// A header of an answer; empty without one.
pub fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    let value = answer.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}
