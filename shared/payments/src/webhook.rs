//! Stripe's events: `Stripe-Signature: t=<seconds>,v1=<hexadecimal>`, an HMAC-SHA256 of `<t>.<body>` with the endpoint's
//! secret, at most five minutes old. While a secret is being replaced there are several `v1`.

use auth::opaque::Secret;
use domain::purchases::{Dispute, DisputeState};
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::Sha256;

/// How far the timestamp may be from now.
const WINDOW_S: u64 = 300;
/// How many signatures are tried.
const SIGNATURES_MAX: usize = 8;
/// The longest id that is taken over.
const ID_CHARS_MAX: usize = 255;

/// An event, as far as it concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A checkout was paid.
    Paid {
        /// The checkout's id.
        session: String,
        /// The payment's id; the checkout's where it has none.
        payment: String,
        /// How much was paid, in the currency's smallest unit, if it says.
        amount_minor: Option<i64>,
    },
    /// Money of a payment was given back.
    Refunded {
        /// The payment's id.
        payment: String,
        /// All refunds together.
        total_minor: i64,
    },
    /// A payment is disputed.
    Disputed {
        /// The payment's id.
        payment: String,
        /// How it stands.
        dispute: Dispute,
    },
    /// Nothing that we book.
    Other,
}

/// Why an event is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// It is not proven to be Stripe's and recent.
    Denied,
    /// It is Stripe's, and has not the form that we know.
    Unreadable(String),
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    payment_status: String,
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    amount_total: Option<i64>,
}

#[derive(Deserialize)]
struct Charge {
    #[serde(default)]
    payment_intent: Option<String>,
    amount_refunded: i64,
}

#[derive(Deserialize)]
struct DisputeBody {
    id: String,
    #[serde(default)]
    payment_intent: Option<String>,
    amount: i64,
    status: String,
}

/// What an event says, if it is Stripe's.
///
/// # Errors
/// [`Rejected`].
pub fn verify(secret: &Secret, header: &str, body: &[u8], now_s: i64) -> Result<Event, Rejected> {
    check_signature(secret, header, body, now_s)?;
    let body: Body = read(serde_json::from_slice(body))?;
    let object = body.data.object;
    match body.kind.as_str() {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => paid(object),
        "charge.refunded" => {
            let charge: Charge = from_object(object)?;
            let event = charge.payment_intent.map(|payment| Event::Refunded {
                payment,
                total_minor: charge.amount_refunded,
            });
            Ok(sane(event))
        }
        "charge.dispute.created" | "charge.dispute.closed" => disputed(object),
        _ => Ok(Event::Other),
    }
}

fn paid(object: Value) -> Result<Event, Rejected> {
    let session: Session = from_object(object)?;
    // `unpaid`: the money is on its way, and another event will say when it is there.
    let is_paid = session.payment_status == "paid";
    let payment = session.payment_intent.unwrap_or_else(|| session.id.clone());
    let event = is_paid.then_some(Event::Paid {
        session: session.id,
        payment,
        amount_minor: session.amount_total,
    });
    Ok(sane(event))
}

/// A dispute takes the money away when it is opened; a mere inquiry (`warning_…`) does not.
fn disputed(object: Value) -> Result<Event, Rejected> {
    let body: DisputeBody = from_object(object)?;
    let state = match body.status.as_str() {
        "won" | "warning_closed" => Some(DisputeState::Won),
        "lost" => Some(DisputeState::Lost),
        status if status.starts_with("warning_") => None,
        _ => Some(DisputeState::Open),
    };
    let event = body
        .payment_intent
        .zip(state)
        .map(|(payment, state)| Event::Disputed {
            payment,
            dispute: Dispute {
                id: body.id,
                amount_minor: body.amount,
                state,
            },
        });
    Ok(sane(event))
}

/// The event, unless its names are none of Stripe's.
fn sane(event: Option<Event>) -> Event {
    let is_id = |id: &str| {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(is_good)
    };
    let event = event.unwrap_or(Event::Other);
    let is_sane = match &event {
        Event::Paid {
            session, payment, ..
        } => is_id(session) && is_id(payment),
        Event::Refunded { payment, .. } => is_id(payment),
        Event::Disputed { payment, dispute } => is_id(payment) && is_id(&dispute.id),
        Event::Other => true,
    };
    if is_sane { event } else { Event::Other }
}

fn check_signature(secret: &Secret, header: &str, body: &[u8], now_s: i64) -> Result<(), Rejected> {
    let parts = || {
        header
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
    };
    let stamp = parts()
        .find(|(name, _)| *name == "t")
        .map(|(_, value)| value);
    let stamp = stamp.ok_or(Rejected::Denied)?;
    let seconds: i64 = stamp.parse().map_err(|_| Rejected::Denied)?;
    if seconds.abs_diff(now_s) > WINDOW_S {
        return Err(Rejected::Denied);
    }
    let mac =
        Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| Rejected::Denied)?;
    let mac = mac
        .chain_update(stamp.as_bytes())
        .chain_update(b".")
        .chain_update(body);
    let signatures = parts().filter(|(name, _)| *name == "v1");
    let is_signed = signatures.take(SIGNATURES_MAX).any(|(_, signature)| {
        // In constant time.
        hex::decode(signature).is_ok_and(|bytes| mac.clone().verify_slice(&bytes).is_ok())
    });
    if is_signed {
        Ok(())
    } else {
        Err(Rejected::Denied)
    }
}

fn from_object<T: DeserializeOwned>(object: Value) -> Result<T, Rejected> {
    read(serde_json::from_value(object))
}

fn read<T>(read: Result<T, serde_json::Error>) -> Result<T, Rejected> {
    read.map_err(|error| Rejected::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600;

    fn secret() -> Secret {
        Secret::new("whsec_test".to_owned())
    }

    fn signature(stamp: i64, body: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(b"whsec_test").expect("any length");
        let mac = mac.chain_update(format!("{stamp}.{body}"));
        hex::encode(mac.finalize().into_bytes())
    }

    fn event(kind: &str, object: &Value) -> Result<Event, Rejected> {
        let body = serde_json::json!({"type": kind, "data": {"object": object}}).to_string();
        let header = format!("t={NOW},v1={}", signature(NOW, &body));
        verify(&secret(), &header, body.as_bytes(), NOW)
    }

    #[test]
    fn only_a_recent_signature_over_this_very_body_counts() {
        let body = r#"{"type":"ping","data":{"object":{}}}"#;
        let good = signature(NOW, body);
        let check =
            |header: &str, body: &str, now| verify(&secret(), header, body.as_bytes(), now).is_ok();
        let header = format!("t={NOW},v1={good}");
        assert!(check(&header, body, NOW));
        assert!(check(&header, body, NOW + 300));
        assert!(!check(&header, body, NOW + 301));
        assert!(!check(&header, body, NOW - 301));
        assert!(!check(&header, "{}", NOW));
        let zeros = "0".repeat(64);
        assert!(check(
            &format!("t={NOW},v1={zeros},v1={good},v0=x"),
            body,
            NOW
        ));
        for bad in [
            String::new(),
            format!("v1={good}"),
            format!("t={NOW}"),
            format!("t={NOW},v0={good}"),
            format!("t={},v1={good}", NOW + 1),
            format!("t={NOW},v1={}", &good[..62]),
            format!("t=now,v1={good}"),
        ] {
            assert!(!check(&bad, body, NOW), "{bad}");
        }
    }

    #[test]
    fn what_is_not_paid_not_ours_or_not_known_is_nothing_to_book() {
        let session = |status: &str| {
            let object = serde_json::json!({"id": "cs_1", "payment_status": status, "payment_intent": "pi_1", "amount_total": 5});
            event("checkout.session.completed", &object)
        };
        assert!(matches!(session("paid"), Ok(Event::Paid { .. })));
        assert_eq!(session("unpaid"), Ok(Event::Other));
        assert_eq!(event("customer.created", &Value::Null), Ok(Event::Other));
        let inquiry = serde_json::json!({"id": "dp_1", "payment_intent": "pi_1", "amount": 5, "status": "warning_needs_response"});
        assert_eq!(event("charge.dispute.created", &inquiry), Ok(Event::Other));
        let odd = serde_json::json!({"payment_intent": "pi#1", "amount_refunded": 5});
        assert_eq!(event("charge.refunded", &odd), Ok(Event::Other));
        let unreadable = event("charge.refunded", &Value::Null);
        assert!(matches!(unreadable, Err(Rejected::Unreadable(_))));
    }
}
