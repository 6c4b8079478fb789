//! Webhooks as fal sends them: signed with Ed25519, and sent again until they are taken.
//!
//! Owns the signature, the JWKS, the pace of retries and the loop that sends. Refuses to know the receivers.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::directives::Payload;
use crate::store::{Due, Kept};
use crate::{Inner, SendWebhook, WebhookStatus, clock, output};

/// The time that a receiver has to answer, as fal documents it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);
/// The most times that a webhook is sent, as fal documents it.
const ATTEMPTS_MAX: u32 = 10;
const FIRST_PAUSE_MS: i64 = 500;
const PAUSE_MAX_MS: i64 = 60_000;
/// The longest rest of the loop when nothing is due; a new job wakes it.
const REST_MAX: Duration = Duration::from_secs(5);
const USER_ID: &str = "local-user";
/// fal's documented message for a payload that it could not write.
const NOT_JSON: &str = "Response payload is not JSON serializable. Either return a JSON serializable object or use the \
    queue endpoint to retrieve the response.";

/// The signing key.
pub(crate) struct Signer(SigningKey);

impl Signer {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Its public half, as a JWKS.
    pub(crate) fn jwks(&self) -> Value {
        let public = URL_SAFE_NO_PAD.encode(self.0.verifying_key().as_bytes());
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "local", "x": public }] })
    }

    fn sign(&self, request_id: &str, timestamp_s: i64, body: &[u8]) -> String {
        let digest = hex::encode(Sha256::digest(body));
        let message = format!("{request_id}\n{USER_ID}\n{timestamp_s}\n{digest}");
        hex::encode(self.0.sign(message.as_bytes()).to_bytes())
    }
}

/// Starts waiting jobs as soon as there is room, and sends due webhooks, until the stand-in stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        let now_ms = clock::now_ms();
        inner.start_waiting(now_ms);
        let (due, next_due_ms) = inner.store.due(now_ms).unwrap_or_default();
        let next_end_ms = inner.store.next_end_ms(now_ms).unwrap_or_default();
        let next_ms = next_due_ms.into_iter().chain(next_end_ms).min();
        let rest = if due.is_empty() {
            let wait_ms = next_ms.map_or(i64::MAX, |next_ms| next_ms - now_ms);
            Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)).min(REST_MAX)
        } else {
            Duration::ZERO
        };
        for webhook in due {
            start(&inner, webhook, now_ms);
        }
        tokio::select! {
            () = inner.stopping.cancelled() => return,
            () = inner.due.notified() => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

fn start(inner: &Arc<Inner>, webhook: Due, now_ms: i64) {
    let Some(job) = inner.store.job(&webhook.request_id) else {
        let _ = inner.store.forget_webhook(webhook.id);
        return;
    };
    let until_ms = put_off_ms(now_ms, webhook.attempts);
    if inner.store.put_off(webhook.id, until_ms).is_err() {
        return;
    }
    let inner = Arc::clone(inner);
    inner
        .tasks
        .clone()
        .spawn(async move { send(&inner, &job, webhook.id, webhook.attempts).await });
}

/// The time until which a webhook on its way is put off: by then it was taken, or nobody knows and it is sent
/// again.
pub(crate) fn put_off_ms(now_ms: i64, attempts: u32) -> i64 {
    let timeout_ms = i64::try_from(TIMEOUT.as_millis()).unwrap_or(i64::MAX);
    now_ms + timeout_ms + pause_ms(attempts)
}

fn pause_ms(attempts: u32) -> i64 {
    (FIRST_PAUSE_MS << attempts.min(10)).min(PAUSE_MAX_MS)
}

/// Sends a webhook that was put off, and deletes it if it is taken.
pub(crate) async fn send(inner: &Inner, job: &Kept, id: i64, attempts: u32) {
    let delivery = deliver(inner, job, 0, None);
    let Some(status) = inner.stopping.run_until_cancelled(delivery).await else {
        return;
    };
    let done = (200..300).contains(&status) || attempts + 1 >= ATTEMPTS_MAX;
    let _ = if done {
        inner.store.forget_webhook(id)
    } else {
        // The attempt was counted when the webhook was put off; only the time changes.
        inner.store.sooner(id, clock::now_ms() + pause_ms(attempts))
    };
    inner.due.notify_one();
}

/// Sends one webhook, and returns the answer's status; 0 without an answer.
async fn deliver(
    inner: &Inner,
    job: &Kept,
    timestamp_offset_s: i64,
    status: Option<WebhookStatus>,
) -> u16 {
    let Some(url) = &job.webhook_url else {
        return 0;
    };
    let body = body(job, &inner.url, status).to_string();
    let timestamp_s = clock::now_ms() / 1_000 + timestamp_offset_s;
    let signature = inner
        .signer
        .sign(&job.request_id, timestamp_s, body.as_bytes());
    let _ = inner.store.count_webhook(&job.request_id);
    let sent = inner
        .http
        .post(url)
        .header("Content-Type", "application/json")
        .header("X-Fal-Webhook-Request-Id", &job.request_id)
        .header("X-Fal-Webhook-User-Id", USER_ID)
        .header("X-Fal-Webhook-Timestamp", timestamp_s.to_string())
        .header("X-Fal-Webhook-Signature", signature)
        .body(body)
        .send()
        .await;
    sent.map_or(0, |answer| answer.status().as_u16())
}

/// Sends a job's webhook again, at once.
pub(crate) async fn send_again(
    inner: &Inner,
    request_id: &str,
    again: &SendWebhook,
) -> Option<Vec<u16>> {
    let job = inner.store.job(request_id)?;
    let mut statuses = Vec::new();
    for _ in 0..again.times {
        statuses.push(deliver(inner, &job, again.timestamp_offset_s, again.status).await);
    }
    Some(statuses)
}

fn body(job: &Kept, origin: &str, forced: Option<WebhookStatus>) -> Value {
    let (status, payload) = match forced {
        None => output::result(job, origin),
        Some(WebhookStatus::Ok) => {
            let succeeded = Kept {
                failure: None,
                ..job.clone()
            };
            output::result(&succeeded, origin)
        }
        Some(WebhookStatus::Error) => {
            output::failure(job.failure.as_deref().unwrap_or("internal_server_error"))
        }
    };
    let scripted = job.directives().webhook_payload;
    let mut body = json!({
        "request_id": job.request_id,
        "gateway_request_id": job.request_id,
        "status": if status == 200 { "OK" } else { "ERROR" },
        "payload": match scripted {
            None => payload,
            Some(Payload::Null) => Value::Null,
            Some(Payload::Html) => json!("<html><body><h1>502 Bad Gateway</h1></body></html>"),
            Some(Payload::Plain) => json!({ "detail": "plain text" }),
            Some(Payload::Empty) => json!({}),
        },
    });
    if scripted == Some(Payload::Null) {
        body["payload_error"] = json!(NOT_JSON);
    }
    if status != 200 {
        body["error"] = json!(format!("Invalid status code: {status}"));
    }
    body
}
