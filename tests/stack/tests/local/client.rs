//! A user of the API, and of the control surface beside it.

use std::time::Duration;

use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::process::{Process, eventually};

/// The time in which a job must come to rest: a submit that was cut off is given up after a minute and a
/// half, and a job that nobody reports on is looked at after the model's expected time, two minutes for a
/// video.
pub const REST_DEADLINE: Duration = Duration::from_secs(300);
/// The pause between two sweeps meanwhile; the schedule runs one only once a minute.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// A client that can talk to any local cloud.
pub fn http() -> Client {
    // Another test may have installed the same one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// A user who has signed in.
#[derive(Clone)]
pub struct User {
    http: Client,
    url: String,
    token: String,
}

/// The wallet, and every entry of its ledger, oldest first.
pub struct Books {
    pub wallet: Value,
    pub entries: Vec<Value>,
}

impl User {
    /// Signs up.
    pub async fn register(url: &str) -> Self {
        let (http, url) = (http(), url.to_owned());
        let body = json!({ "email": "ann@example.com", "password": "a long pass phrase" });
        let post = http.post(format!("{url}/auth/register")).json(&body);
        let answer: Value = expect(post.send().await.unwrap(), 201).await;
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { http, url, token }
    }

    /// Makes a request to the API; the error means that there was no answer. Waits and asks again, as often
    /// as it is told to wait.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> reqwest::Result<Response> {
        let deadline = std::time::Instant::now() + REST_DEADLINE;
        loop {
            let answer = self.call_once(method.clone(), path, headers, body).await?;
            let wait = answer.headers().get("retry-after");
            let wait = wait.and_then(|text| text.to_str().ok()?.parse().ok());
            match wait {
                Some(wait_s) if answer.status() == 429 && std::time::Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_secs(wait_s)).await;
                }
                Some(_) | None => return Ok(answer),
            }
        }
    }

    async fn call_once(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> reqwest::Result<Response> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        request.send().await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, &[], &Value::Null).await;
        expect(answer.unwrap(), 200).await
    }

    pub async fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.call(Method::POST, path, &[], body).await;
        expect(answer.unwrap(), status).await
    }

    /// Asks for a generation, and returns its id.
    pub async fn generate(&self, model: &str, body: &Value) -> String {
        let generation = self.post(&format!("/generations/{model}"), body, 202).await;
        generation["id"].as_str().unwrap().to_owned()
    }

    pub async fn generation(&self, id: &str) -> Value {
        self.get(&format!("/generations/{id}")).await
    }

    /// Everything in a list of the API, newest first.
    pub async fn all(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=100{cursor}")).await;
            all.extend(page["data"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// The wallet and its ledger. A job that ends between two reads makes them disagree: they are read until
    /// nothing is booked meanwhile.
    pub async fn books(&self) -> Books {
        let started = std::time::Instant::now();
        loop {
            let before = self.get("/credits").await;
            let mut entries = self.all("/credits/transactions").await;
            entries.reverse();
            let wallet = self.get("/credits").await;
            if wallet == before {
                return Books { wallet, entries };
            }
            assert!(started.elapsed() < REST_DEADLINE, "it goes on: {wallet}");
        }
    }

    /// Fetches a presigned address.
    pub async fn download(&self, url: &str) -> Vec<u8> {
        let answer = self.http.get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{url}");
        answer.bytes().await.unwrap().to_vec()
    }

    /// Runs the sweep again and again until no job of `ids` can get any further without help.
    pub async fn until_at_rest(&self, process: &Process, ids: &[String]) {
        let mut left = ids.to_vec();
        let started = std::time::Instant::now();
        while let Some(id) = left.first() {
            let generation = self.generation(id).await;
            if matches!(
                generation["status"].as_str().unwrap(),
                "succeeded" | "failed" | "canceled" | "unknown"
            ) {
                left.remove(0);
                continue;
            }
            assert!(
                started.elapsed() < REST_DEADLINE,
                "it does not come to rest: {generation}"
            );
            let run = process.control("schedules/jobs-sweep/run").await;
            assert_eq!(run["status"], "succeeded", "{run}");
            tokio::time::sleep(SWEEP_EVERY).await;
        }
    }
}

impl Books {
    /// Checks that each entry continues from the one before it, that the last leads to the wallet as it is,
    /// and that nothing was booked twice.
    pub fn check(&self) {
        let (mut available, mut held) = (0, 0);
        let mut ids = std::collections::BTreeSet::new();
        for entry in &self.entries {
            let number = |name: &str| entry[name].as_i64().unwrap();
            available += number("available_delta");
            held += number("held_delta");
            assert_eq!(number("available_after"), available, "{entry}");
            assert_eq!(number("held_after"), held, "{entry}");
            assert!(ids.insert(entry["id"].as_str().unwrap()), "{entry}");
        }
        assert_eq!(self.wallet["available"], available);
        assert_eq!(self.wallet["held"], held);
    }

    /// The number of a generation's entries of this kind.
    pub fn count(&self, kind: &str, generation: &str) -> usize {
        let entries = self.entries.iter();
        entries
            .filter(|entry| entry["kind"] == kind && entry["generation_id"] == generation)
            .count()
    }
}

impl Process {
    /// A list of the control surface.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let url = format!("{}/_local/{path}", self.origin());
        let answer = http().get(url).send().await.unwrap();
        expect(answer, 200).await["data"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Pulls a lever of the control surface.
    pub async fn control(&self, path: &str) -> Value {
        let url = format!("{}/_local/{path}", self.origin());
        expect(http().post(url).send().await.unwrap(), 200).await
    }

    /// The number of jobs that the provider's stand-in accepted for a generation.
    pub async fn provider_jobs(&self, generation: &str) -> usize {
        let jobs = self.list("fal/jobs").await;
        let is_for = |job: &&Value| job["webhook_url"].as_str().unwrap().contains(generation);
        jobs.iter().filter(is_for).count()
    }
}

/// Reads the body of an answer, which must have this status.
pub async fn expect(answer: Response, status: u16) -> Value {
    let found = answer.status();
    let text = answer.text().await.unwrap();
    assert_eq!(found.as_u16(), status, "{text}");
    serde_json::from_str(&text).unwrap_or_default()
}

/// Waits until a generation has this status.
pub async fn until_status(user: &User, id: &str, status: &str) {
    let what = format!("{id} is {status}");
    eventually(&what, REST_DEADLINE, async || {
        user.generation(id).await["status"] == status
    })
    .await;
}
