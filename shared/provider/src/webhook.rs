//! fal's webhooks: an Ed25519 signature (hexadecimal) over `request id \n user id \n timestamp \n
//! sha256(body)`, by one of the keys in its JWKS, at most five minutes old.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use domain::generations::Outcome;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use web::ClientBuildError;

use crate::evidence::{self, WebhookBody};
use crate::{ANSWER_BYTES_MAX, client, read_bounded};

/// The most seconds that the timestamp may be away from now.
const WINDOW_S: u64 = 300;
/// The time for which the keys are kept; fal's documentation says a day at most.
const KEYS_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest time between two fetches of the keys after a signature did not verify. The keys may have
/// been rotated, but anybody can send a bad signature.
const REFETCH_PAUSE: Duration = Duration::from_secs(60);
/// The time within which the keys must be fetched. The webhook waits for it, and must be answered if it
/// fails.
pub const KEYS_TIMEOUT: Duration = Duration::from_secs(4);
/// The most keys that are tried.
const KEYS_MAX: usize = 16;

/// The headers that prove a webhook's origin.
#[derive(Clone, Debug, Default)]
pub struct SignedHeaders {
    /// The header `X-Fal-Webhook-Request-Id`.
    pub request_id: String,
    /// The header `X-Fal-Webhook-User-Id`.
    pub user_id: String,
    /// The header `X-Fal-Webhook-Timestamp`.
    pub timestamp: String,
    /// The header `X-Fal-Webhook-Signature`.
    pub signature: String,
}

/// A webhook that is proven to be fal's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// fal's id of the job.
    pub request_id: String,
    /// The outcome of the job; `None` if the webhook does not say, and we must ask.
    pub outcome: Option<Outcome>,
}

/// The reason why a webhook is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookRejection {
    /// It is not proven to be fal's and recent.
    Denied,
    /// fal's keys cannot be fetched now.
    KeysUnavailable(String),
}

/// A verifier of webhooks. It uses fal's public keys, which are fetched at their first use, and needs no
/// key of ours.
pub struct WebhookVerifier {
    jwks_url: String,
    http: reqwest::Client,
    keys: Mutex<Option<Fetched>>,
}

#[derive(Clone)]
struct Fetched {
    at: Instant,
    keys: Vec<VerifyingKey>,
}

#[derive(Deserialize)]
struct ProviderKeySet {
    keys: Vec<ProviderKey>,
}

#[derive(Deserialize)]
struct ProviderKey {
    #[serde(default)]
    crv: String,
    #[serde(default)]
    x: String,
}

impl WebhookVerifier {
    /// Creates a verifier with the keys at `jwks_url`.
    ///
    /// # Errors
    /// [`ClientBuildError`] if TLS cannot be set up.
    pub fn new(jwks_url: String) -> Result<Self, ClientBuildError> {
        Ok(Self {
            jwks_url,
            http: client()?,
            keys: Mutex::default(),
        })
    }

    /// Verifies that a webhook is fal's, and reads it.
    ///
    /// # Errors
    /// [`WebhookRejection`].
    pub async fn verify(
        &self,
        headers: &SignedHeaders,
        body: &[u8],
        now_s: i64,
    ) -> Result<Verified, WebhookRejection> {
        let denied = || WebhookRejection::Denied;
        let timestamp: i64 = headers.timestamp.parse().map_err(|_| denied())?;
        if timestamp.abs_diff(now_s) > WINDOW_S {
            return Err(denied());
        }
        let signature = hex::decode(&headers.signature)
            .ok()
            .and_then(|bytes| bytes.try_into().ok());
        let signature = Signature::from_bytes(&signature.ok_or_else(denied)?);
        let digest = hex::encode(Sha256::digest(body));
        let message = format!(
            "{}\n{}\n{timestamp}\n{digest}",
            headers.request_id, headers.user_id
        );
        self.verify_signature(message.as_bytes(), &signature)
            .await?;
        let body: WebhookBody = serde_json::from_slice(body).map_err(|_| denied())?;
        if body.request_id != headers.request_id {
            return Err(denied());
        }
        Ok(Verified {
            outcome: evidence::of_webhook(&body),
            request_id: body.request_id,
        })
    }

    async fn verify_signature(
        &self,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), WebhookRejection> {
        let mut cached = self.keys.lock().await;
        let verifies = |keys: &[VerifyingKey]| {
            keys.iter()
                .any(|key| key.verify_strict(message, signature).is_ok())
        };
        if let Some(fetched) = cached
            .as_ref()
            .filter(|fetched| fetched.at.elapsed() < KEYS_LIFETIME)
        {
            if verifies(&fetched.keys) {
                return Ok(());
            }
            if fetched.at.elapsed() < REFETCH_PAUSE {
                return Err(WebhookRejection::Denied);
            }
        }
        let keys = self
            .fetch_keys()
            .await
            .map_err(WebhookRejection::KeysUnavailable)?;
        let valid = verifies(&keys);
        *cached = Some(Fetched {
            at: Instant::now(),
            keys,
        });
        if valid {
            Ok(())
        } else {
            Err(WebhookRejection::Denied)
        }
    }

    async fn fetch_keys(&self) -> Result<Vec<VerifyingKey>, String> {
        let response = self
            .http
            .get(&self.jwks_url)
            .timeout(KEYS_TIMEOUT)
            .send()
            .await
            .map_err(|error| crate::describe(&error))?;
        let code = response.status();
        let bytes = read_bounded(response, ANSWER_BYTES_MAX).await?;
        let jwks: ProviderKeySet = serde_json::from_slice(&bytes)
            .map_err(|_| format!("its keys were {code}, unreadable"))?;
        let keys: Vec<_> = jwks.keys.iter().filter_map(key).take(KEYS_MAX).collect();
        if keys.is_empty() {
            Err("it published no Ed25519 key".to_owned())
        } else {
            Ok(keys)
        }
    }
}

fn key(jwk: &ProviderKey) -> Option<VerifyingKey> {
    if jwk.crv != "Ed25519" {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(&jwk.x)
        .or_else(|_| URL_SAFE.decode(&jwk.x))
        .ok()?;
    VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok()
}
