//! A caller of Velro: signs in, asks, submits, and watches jobs to their end.
//!
//! Owns the requests of Velro's API. Refuses to know how they are measured.

use std::time::{Duration, Instant};

use reqwest::header::AUTHORIZATION;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stack::Error;

use crate::cloud::{Answer, Cloud, answer};

/// The stand-in refuses a job with this prompt at once.
pub const PROMPT_REFUSED: &str = "a red fox in deep snow [[submit:422/typed=sequence_too_long]]";
/// The stand-in makes a picture of this prompt.
pub const PROMPT_MADE: &str = "a red fox in deep snow";

const SCHEME: &str = "bearer";
/// The first spelling that is still unused: the two before it are `bearer` and `Bearer`.
const SPELLING_FIRST: usize = 2;
/// The time in which a job must come to rest.
const JOB_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_EVERY: Duration = Duration::from_millis(5);

/// A registered user with one session.
pub struct Caller<'a> {
    cloud: &'a Cloud,
    account: Value,
    id: String,
    token: String,
    spelling: usize,
}

/// A job that has ended.
pub struct Job {
    /// Its id.
    pub id: String,
    /// The time of its submit alone.
    pub submit: Duration,
    /// The time from its submit until its end was seen.
    pub whole: Duration,
}

impl<'a> Caller<'a> {
    /// Registers a user of this name.
    pub async fn register(cloud: &'a Cloud, name: &str) -> Result<Self, Error> {
        let email = format!("{name}@example.com");
        let account = json!({ "email": email, "password": "a long pass phrase" });
        let request = cloud.post("/auth/register", &account);
        let registered = answer(request, StatusCode::CREATED).await?;
        Ok(Self {
            cloud,
            account,
            id: registered.text("/user/id")?,
            token: registered.text("/access_token")?,
            spelling: SPELLING_FIRST,
        })
    }

    /// The user's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// An access token of theirs.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Sends a GET whose credential the gateway knows from the authorizer's cached answer.
    pub async fn read(&self, path: &str) -> Result<Answer, Error> {
        let request = self.signed(self.cloud.get(path));
        answer(request, StatusCode::OK).await
    }

    /// Sends a GET with a credential that the gateway has not seen before, so that it asks the authorizer.
    pub async fn read_unknown(&mut self, path: &str) -> Result<Answer, Error> {
        let credential = self.unknown_credential().await?;
        let request = self.cloud.get(path).header(AUTHORIZATION, credential);
        answer(request, StatusCode::OK).await
    }

    /// Opens a job.
    async fn submit(&self, model: &str, prompt: &str) -> Result<Answer, Error> {
        let path = format!("/generations/{model}");
        let request = self.cloud.post(&path, &json!({ "prompt": prompt }));
        answer(self.signed(request), StatusCode::ACCEPTED).await
    }

    /// Opens a job, and waits until it has come to rest as `expected`. The time is from its submit until its
    /// end is seen.
    pub async fn finish(&self, model: &str, prompt: &str, expected: &str) -> Result<Job, Error> {
        let began = Instant::now();
        let submitted = self.submit(model, prompt).await?;
        let id = submitted.text("/id")?;
        self.wait_for(&id, expected).await?;
        Ok(Job {
            id,
            submit: submitted.took,
            whole: began.elapsed(),
        })
    }

    /// Waits until a job has come to rest as `expected`.
    async fn wait_for(&self, job: &str, expected: &str) -> Result<(), Error> {
        let path = format!("/generations/{job}");
        let give_up_at = Instant::now() + JOB_TIMEOUT;
        loop {
            let status = self.read(&path).await?.text("/status")?;
            match status.as_str() {
                status if status == expected => return Ok(()),
                "succeeded" | "failed" | "canceled" | "unknown" => {
                    return Err(Error::new(format!("a job became {status}, not {expected}")));
                }
                _ if Instant::now() < give_up_at => tokio::time::sleep(POLL_EVERY).await,
                status => {
                    return Err(Error::new(format!(
                        "a job stayed {status}, and is not {expected}"
                    )));
                }
            }
        }
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        request.header(AUTHORIZATION, format!("Bearer {}", self.token))
    }

    /// Makes a credential that the gateway does not know. It remembers answers by the header as it is
    /// written, and the scheme's letters may be of either case: every spelling is a new caller. When all are
    /// used, a new session begins.
    async fn unknown_credential(&mut self) -> Result<String, Error> {
        if self.spelling == 1 << SCHEME.len() {
            let request = self.cloud.post("/auth/login", &self.account);
            let signed_in = answer(request, StatusCode::OK).await?;
            self.token = signed_in.text("/access_token")?;
            self.spelling = SPELLING_FIRST;
        }
        let letters = SCHEME.chars().enumerate();
        let scheme: String = letters
            .map(|(position, letter)| match self.spelling >> position & 1 {
                0 => letter,
                _ => letter.to_ascii_uppercase(),
            })
            .collect();
        self.spelling += 1;
        Ok(format!("{scheme} {}", self.token))
    }
}
