//! Stripe's events: `Stripe-Signature: t=<seconds>,v1=<hexadecimal>`, an HMAC-SHA256 of `<t>.<body>` with the
//! endpoint's secret, at most five minutes old. While a secret is being replaced there are several `v1`.

use auth::opaque::Secret;
use domain::purchases::{Dispute, DisputeState, Fact, Refund};
use hmac::{Hmac, Mac as _};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::Sha256;

/// The most seconds that the timestamp may be away from now.
const WINDOW_S: u64 = 300;
/// The number of signatures that are tried.
const SIGNATURES_MAX: usize = 8;
/// The longest id that is accepted.
const ID_CHARS_MAX: usize = 255;

/// An event, as far as it concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentEvent {
    /// A checkout was paid, or asked for no money.
    Paid(Paid),
    /// There is news about a payment's money.
    Moved {
        /// The payment's id.
        payment: String,
        /// The news. It is never that the payment was made.
        fact: Fact,
        /// The currency, if the event says so.
        currency: Option<String>,
    },
    /// An event without anything to book.
    Other,
}

/// A checkout that was paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paid {
    /// The checkout's id.
    pub session: String,
    /// The payment's id, or the checkout's if there is no payment.
    pub payment: String,
    /// The amount that was paid, in the currency's smallest unit, if the event says so.
    pub amount_minor: Option<i64>,
    /// The currency, if the event says so.
    pub currency: Option<String>,
    /// Whether the checkout asked for no money.
    pub is_free: bool,
    /// The buyer that the checkout names. Only our own record of the checkout decides who the buyer is.
    pub named: Option<String>,
}

/// The reason why an event is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventRejection {
    /// It is not proven to be Stripe's and recent.
    Denied,
    /// It is Stripe's, but does not have the form that we know.
    Unreadable(String),
}

#[derive(Deserialize)]
struct EventBody {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

#[derive(Deserialize)]
struct SessionBody {
    id: String,
    payment_status: String,
    #[serde(default)]
    payment_intent: Option<String>,
    #[serde(default)]
    amount_total: Option<i64>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    client_reference_id: Option<String>,
}

#[derive(Deserialize)]
struct ChargeBody {
    #[serde(default)]
    payment_intent: Option<String>,
    amount_refunded: i64,
    #[serde(default)]
    currency: Option<String>,
}

#[derive(Deserialize)]
struct RefundBody {
    id: String,
    #[serde(default)]
    payment_intent: Option<String>,
    amount: i64,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct DisputeBody {
    id: String,
    #[serde(default)]
    payment_intent: Option<String>,
    amount: i64,
    #[serde(default)]
    currency: Option<String>,
    status: String,
}

/// Verifies that an event is Stripe's, and reads it.
///
/// # Errors
/// [`EventRejection`].
pub fn verify(
    secret: &Secret,
    header: &str,
    body: &[u8],
    now_s: i64,
) -> Result<PaymentEvent, EventRejection> {
    check_signature(secret, header, body, now_s)?;
    let body: EventBody = read(serde_json::from_slice(body))?;
    let object = body.data.object;
    match body.kind.as_str() {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => paid(object),
        "charge.refunded" => {
            let charge: ChargeBody = from_object(object)?;
            let fact = Fact::Refunded(charge.amount_refunded);
            Ok(moved(charge.payment_intent, fact, charge.currency))
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            refunded(object, body.kind == "refund.failed")
        }
        kind if kind.starts_with("charge.dispute.") => disputed(object, kind, body.created),
        _ => Ok(PaymentEvent::Other),
    }
}

fn paid(object: Value) -> Result<PaymentEvent, EventRejection> {
    let session: SessionBody = from_object(object)?;
    // `unpaid`: the money is on its way, and another event will report its arrival.
    let is_free = session.payment_status == "no_payment_required";
    if !is_free && session.payment_status != "paid" {
        return Ok(PaymentEvent::Other);
    }
    let payment = session.payment_intent.unwrap_or_else(|| session.id.clone());
    if !is_id(&session.id) || !is_id(&payment) {
        return Ok(PaymentEvent::Other);
    }
    Ok(PaymentEvent::Paid(Paid {
        session: session.id,
        payment,
        amount_minor: session.amount_total,
        currency: session.currency,
        is_free,
        named: session.client_reference_id,
    }))
}

/// Reads a refund. A refund that failed or was cancelled is undone; any other status means that the money
/// is going back.
fn refunded(object: Value, has_failed: bool) -> Result<PaymentEvent, EventRejection> {
    let body: RefundBody = from_object(object)?;
    let is_undone = has_failed || matches!(body.status.as_deref(), Some("failed" | "canceled"));
    if !is_id(&body.id) {
        return Ok(PaymentEvent::Other);
    }
    let fact = Fact::Refund(Refund {
        id: body.id,
        amount_minor: body.amount,
        is_undone,
    });
    Ok(moved(body.payment_intent, fact, body.currency))
}

/// Reads a dispute. A dispute takes the money away when it is opened; a mere inquiry (`warning_…`) does
/// not, until its funds are withdrawn. <https://docs.stripe.com/api/disputes/object#dispute_object-status>
fn disputed(object: Value, kind: &str, told_s: i64) -> Result<PaymentEvent, EventRejection> {
    let body: DisputeBody = from_object(object)?;
    let state = match (body.status.as_str(), kind) {
        ("lost", _) => DisputeState::Lost,
        // When an inquiry is closed or a dispute prevented, the money stays here.
        ("won" | "warning_closed" | "prevented" | "charge_refunded", _)
        | (_, "charge.dispute.funds_reinstated") => DisputeState::Won,
        // An unknown final status: the money counts as lost until somebody looks.
        (_, "charge.dispute.closed") => DisputeState::Lost,
        (_, "charge.dispute.funds_withdrawn") => DisputeState::Open,
        (status, _) if status.starts_with("warning_") => DisputeState::Inquiry,
        _ => DisputeState::Open,
    };
    if !is_id(&body.id) {
        return Ok(PaymentEvent::Other);
    }
    let fact = Fact::Disputed(Dispute {
        id: body.id,
        amount_minor: body.amount,
        state,
        told_s,
    });
    Ok(moved(body.payment_intent, fact, body.currency))
}

fn moved(payment: Option<String>, fact: Fact, currency: Option<String>) -> PaymentEvent {
    match payment.filter(|payment| is_id(payment)) {
        Some(payment) => PaymentEvent::Moved {
            payment,
            fact,
            currency,
        },
        None => PaymentEvent::Other,
    }
}

/// Returns whether a text may be one of Stripe's ids.
fn is_id(id: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(is_good)
}

fn check_signature(
    secret: &Secret,
    header: &str,
    body: &[u8],
    now_s: i64,
) -> Result<(), EventRejection> {
    let parts = || {
        header
            .split(',')
            .filter_map(|part| part.trim().split_once('='))
    };
    let stamp = parts()
        .find(|(name, _)| *name == "t")
        .map(|(_, value)| value);
    let stamp = stamp.ok_or(EventRejection::Denied)?;
    let seconds: i64 = stamp.parse().map_err(|_| EventRejection::Denied)?;
    if seconds.abs_diff(now_s) > WINDOW_S {
        return Err(EventRejection::Denied);
    }
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .map_err(|_| EventRejection::Denied)?;
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
        Err(EventRejection::Denied)
    }
}

fn from_object<T: DeserializeOwned>(object: Value) -> Result<T, EventRejection> {
    read(serde_json::from_value(object))
}

fn read<T>(read: Result<T, serde_json::Error>) -> Result<T, EventRejection> {
    read.map_err(|error| EventRejection::Unreadable(error.to_string()))
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

    fn event(kind: &str, object: &Value) -> Result<PaymentEvent, EventRejection> {
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
        assert!(matches!(session("paid"), Ok(PaymentEvent::Paid(_))));
        assert!(matches!(
            session("no_payment_required"),
            Ok(PaymentEvent::Paid(Paid { is_free: true, .. }))
        ));
        assert_eq!(session("unpaid"), Ok(PaymentEvent::Other));
        assert_eq!(
            event("customer.created", &Value::Null),
            Ok(PaymentEvent::Other)
        );
        let odd = serde_json::json!({"payment_intent": "pi#1", "amount_refunded": 5});
        assert_eq!(event("charge.refunded", &odd), Ok(PaymentEvent::Other));
        let unreadable = event("charge.refunded", &Value::Null);
        assert!(matches!(unreadable, Err(EventRejection::Unreadable(_))));
    }

    #[test]
    fn each_word_about_a_dispute_says_where_the_money_is() {
        let state = |kind: &str, status: &str| {
            let object = serde_json::json!({"id": "dp_1", "payment_intent": "pi_1", "amount": 5, "status": status});
            match event(&format!("charge.dispute.{kind}"), &object) {
                Ok(PaymentEvent::Moved {
                    fact: Fact::Disputed(dispute),
                    ..
                }) => dispute.state,
                other => panic!("{kind} {status}: {other:?}"),
            }
        };
        use DisputeState::{Inquiry, Lost, Open, Won};
        for (kind, status, expected) in [
            ("created", "warning_needs_response", Inquiry),
            ("updated", "warning_under_review", Inquiry),
            ("closed", "warning_closed", Won),
            ("created", "needs_response", Open),
            ("updated", "needs_response", Open),
            ("updated", "under_review", Open),
            ("funds_withdrawn", "needs_response", Open),
            ("funds_withdrawn", "warning_needs_response", Open),
            ("funds_reinstated", "under_review", Won),
            ("closed", "won", Won),
            ("closed", "prevented", Won),
            ("closed", "lost", Lost),
            ("closed", "a_word_of_tomorrow", Lost),
        ] {
            assert_eq!(state(kind, status), expected, "{kind} {status}");
        }
    }

    #[test]
    fn a_refund_is_undone_when_it_failed_or_was_cancelled() {
        let is_undone = |kind: &str, status: &str| {
            let object = serde_json::json!({"id": "re_1", "payment_intent": "pi_1", "amount": 5, "currency": "usd", "status": status});
            match event(kind, &object) {
                Ok(PaymentEvent::Moved {
                    fact: Fact::Refund(refund),
                    ..
                }) => refund.is_undone,
                other => panic!("{kind} {status}: {other:?}"),
            }
        };
        assert!(!is_undone("refund.created", "succeeded"));
        assert!(!is_undone("refund.updated", "pending"));
        assert!(is_undone("refund.failed", "failed"));
        assert!(is_undone("refund.updated", "canceled"));
        assert!(is_undone("charge.refund.updated", "failed"));
    }
}
