//! Events as Stripe sends them: signed, and sent again until they are taken.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::state::{Event, now_s};
use crate::{Inner, Resend};

/// The time that a receiver has to answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);
/// The most times that an event is sent without being asked for again.
const ATTEMPTS_MAX: u32 = 30;
/// The pause after a round in which an event was not taken.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends waiting events, until the stand-in stops.
pub(crate) async fn run(inner: Arc<Inner>) {
    loop {
        let waiting = inner.store.read(|state| {
            let waiting = state.events.iter().filter(|event| event.is_waiting);
            waiting.cloned().collect::<Vec<_>>()
        });
        let mut is_refused = false;
        for event in waiting {
            let Some(status) = inner
                .stopping
                .run_until_cancelled(send(&inner, &event))
                .await
            else {
                return;
            };
            is_refused |= !(200..300).contains(&status);
        }
        tokio::select! {
            () = inner.stopping.cancelled() => return,
            () = inner.waiting.notified() => {}
            () = tokio::time::sleep(PAUSE), if is_refused => {}
        }
    }
}

/// Sends an event once, and returns the answer's status; 0 without an answer.
async fn send(inner: &Inner, event: &Event) -> u16 {
    let body = event.body().to_string();
    let stamp = now_s();
    let signature = signature(&inner.config.webhook_secret, stamp, &body);
    let sent = inner
        .http
        .post(&inner.config.webhook_url)
        .header("content-type", "application/json; charset=utf-8")
        .header("stripe-signature", format!("t={stamp},v1={signature}"))
        .body(body)
        .send()
        .await;
    let status = sent.map_or(0, |answer| answer.status().as_u16());
    let _ = inner.store.write(|state| {
        let known = state.events.iter_mut().find(|known| known.id == event.id);
        if let Some(known) = known {
            known.attempts += 1;
            let is_done = (200..300).contains(&status) || known.attempts >= ATTEMPTS_MAX;
            known.is_waiting &= !is_done;
        }
    });
    status
}

/// Sends an event again, at once.
pub(crate) async fn resend(inner: &Inner, id: &str, again: Resend) -> Option<Vec<u16>> {
    let event = inner.store.read(|state| {
        let event = state.events.iter().find(|event| event.id == id);
        event.cloned()
    })?;
    let mut statuses = Vec::new();
    for _ in 0..again.times {
        statuses.push(send(inner, &event).await);
    }
    Some(statuses)
}

fn signature(secret: &str, stamp: i64, body: &str) -> String {
    let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    let mac = mac.chain_update(format!("{stamp}.{body}"));
    hex::encode(mac.finalize().into_bytes())
}
