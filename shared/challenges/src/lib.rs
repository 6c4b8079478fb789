//! Challenges that tell people from programs. Owns asking a verifier whether an answer is right; refuses to
//! know what was asked, and what depends on it.
//!
//! Verifiers share one protocol: a form with `secret` and `response`, answered with JSON that has
//! `success`. Turnstile
//! (<https://developers.cloudflare.com/turnstile/get-started/server-side-validation/>), hCaptcha
//! (<https://docs.hcaptcha.com/#verify-the-user-response-server-side>) and reCAPTCHA
//! (<https://developers.google.com/recaptcha/docs/verify>) follow it.

use std::time::Duration;

use auth::opaque::Secret;
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The time for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The time for the verifier's answer: somebody waits for it, and the function has ten seconds.
pub const TIMEOUT: Duration = Duration::from_secs(4);
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The error if it is unknown whether a challenge was solved.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Unclear(String);

/// A client of one verifier.
pub struct ChallengeVerifier {
    url: Url,
    secret: Secret,
    http: Client,
}

#[derive(Serialize)]
struct Question<'a> {
    secret: &'a str,
    response: &'a str,
}

#[derive(Deserialize)]
struct VerificationResponse {
    success: bool,
}

impl ChallengeVerifier {
    /// Makes a client for the verifier at `url`, which knows us by `secret`.
    ///
    /// # Errors
    /// [`Unclear`] if the address is not a URL, or TLS cannot be set up.
    pub fn new(url: &str, secret: Secret) -> Result<Self, Unclear> {
        let url = Url::parse(url).map_err(unclear("the verifier's address is not a URL"))?;
        let http = web::client(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(unclear("no HTTP client"))?;
        Ok(Self { url, secret, http })
    }

    /// Whether `response` is the right answer to a challenge.
    ///
    /// # Errors
    /// [`Unclear`] if the verifier gave no clear answer. The error never holds the secret.
    pub async fn is_solved(&self, response: &str) -> Result<bool, Unclear> {
        let question = Question {
            secret: self.secret.expose(),
            response,
        };
        let asked = self.http.post(self.url.clone()).form(&question).send();
        let mut answer = asked
            .await
            .map_err(|error| unclear("the verifier does not answer")(error.without_url()))?;
        if !answer.status().is_success() {
            return Err(Unclear(format!("the verifier answers {}", answer.status())));
        }
        let mut read = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unclear("the answer is cut"))? {
            read.extend_from_slice(&chunk);
            if read.len() > ANSWER_BYTES_MAX {
                return Err(Unclear("the answer has no end".to_owned()));
            }
        }
        let answer: VerificationResponse =
            serde_json::from_slice(&read).map_err(unclear("no such answer"))?;
        Ok(answer.success)
    }
}

fn unclear<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Unclear {
    move |error| Unclear(format!("{what}: {error}"))
}
