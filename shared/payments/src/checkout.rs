//! The beginning of a Stripe Checkout session.

use domain::ids::UserId;
use domain::purchases::Pack;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::Stripe;

/// The version of Stripe's API that this crate was written against.
const API_VERSION: &str = "2025-03-31.basil";
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// A checkout to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewCheckout<'a> {
    /// The buyer.
    pub user: &'a UserId,
    /// The pack of credits to buy.
    pub pack: &'a Pack,
    /// The address that the buyer's browser goes to after the payment.
    pub success_url: &'a str,
    /// The address that it goes to if they do not pay.
    pub cancel_url: &'a str,
    /// The name of this attempt. For a day, Stripe answers every request with the same key with its first
    /// answer, even if that was a failure (<https://docs.stripe.com/api/idempotent_requests>). So the
    /// client's own key is not sent.
    pub idempotency_key: &'a str,
}

/// A checkout that began.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Began {
    /// Stripe's id of the checkout.
    pub id: String,
    /// The address at which the buyer pays.
    pub url: String,
}

/// The reason why a checkout did not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckoutError {
    /// Stripe rejects one of the addresses: this one.
    BadAddress(&'static str),
    /// Stripe cannot be reached, or is busy.
    Unavailable(String),
    /// Stripe refuses our request. We must repair it.
    Refused(String),
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: ProblemBody,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ProblemBody {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
    param: Option<String>,
}

impl Stripe {
    /// Begins a checkout. Nothing is charged until its buyer pays there.
    ///
    /// # Errors
    /// [`CheckoutError`].
    pub async fn begin(&self, new: &NewCheckout<'_>) -> Result<Began, CheckoutError> {
        let unavailable = |why: String| CheckoutError::Unavailable(why);
        let url = self
            .url
            .join("/v1/checkout/sessions")
            .map_err(|error| CheckoutError::Refused(error.to_string()))?;
        let mut response = self
            .http
            .post(url)
            .bearer_auth(self.key.expose())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("stripe-version", API_VERSION)
            .header("idempotency-key", new.idempotency_key)
            .body(form(new))
            .send()
            .await
            .map_err(|error| unavailable(error.without_url().to_string()))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| unavailable(error.without_url().to_string()))?
        {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(unavailable("its answer is too large".to_owned()));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return serde_json::from_slice(&body)
                .map_err(|error| unavailable(format!("its answer cannot be read: {error}")));
        }
        Err(trouble(status, &body))
    }
}

fn trouble(status: StatusCode, body: &[u8]) -> CheckoutError {
    let problem = serde_json::from_slice::<ErrorAnswer>(body).map(|problem| problem.error);
    let problem = problem.unwrap_or_default();
    let why = format!(
        "{status}: {} {}",
        problem.kind,
        problem.code.unwrap_or_default()
    );
    match (status, problem.param.as_deref()) {
        (StatusCode::BAD_REQUEST, Some("success_url")) => CheckoutError::BadAddress("success_url"),
        (StatusCode::BAD_REQUEST, Some("cancel_url")) => CheckoutError::BadAddress("cancel_url"),
        // 409: another request with this key is in progress.
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::CONFLICT, _) => {
            CheckoutError::Unavailable(why)
        }
        _ if status.is_server_error() => CheckoutError::Unavailable(why),
        _ => CheckoutError::Refused(why),
    }
}

/// Builds the request as a form. The metadata are for people who look at Stripe's dashboard; we keep our
/// own record of what is bought.
fn form(new: &NewCheckout<'_>) -> String {
    let amount = new.pack.amount_minor.to_string();
    let credits = new.pack.credits.to_string();
    let fields = [
        ("mode", "payment"),
        ("client_reference_id", new.user.as_str()),
        ("success_url", new.success_url),
        ("cancel_url", new.cancel_url),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", new.pack.currency),
        ("line_items[0][price_data][unit_amount]", &amount),
        (
            "line_items[0][price_data][product_data][name]",
            new.pack.name,
        ),
        // Every buyer pays the price of the pack, in its currency.
        ("adaptive_pricing[enabled]", "false"),
        ("metadata[pack]", new.pack.id),
        ("metadata[credits]", &credits),
        ("payment_intent_data[metadata][user]", new.user.as_str()),
    ];
    let pairs = fields.map(|(name, value)| format!("{}={}", escaped(name), escaped(value)));
    pairs.join("&")
}

/// Percent-encodes everything except the unreserved characters of RFC 3986.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;

    #[test]
    fn a_form_says_what_is_bought_and_escapes_what_it_must() {
        let user = UserId::new(Timestamp::from_ms(1), 1);
        let form = form(&NewCheckout {
            user: &user,
            pack: &domain::purchases::packs()[0],
            success_url: "https://a.example/ok?x=1&id={CHECKOUT_SESSION_ID}",
            cancel_url: "https://a.example/",
            idempotency_key: "key",
        });
        assert!(form.contains("&line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D=1000&"));
        let escaped =
            "success_url=https%3A%2F%2Fa.example%2Fok%3Fx%3D1%26id%3D%7BCHECKOUT_SESSION_ID%7D&";
        assert!(form.contains(escaped), "{form}");
    }

    #[test]
    fn an_answer_says_whose_trouble_it_is() {
        let told = |status: u16, body: &str| {
            trouble(
                StatusCode::from_u16(status).expect("a status"),
                body.as_bytes(),
            )
        };
        let param = r#"{"error":{"type":"invalid_request_error","param":"success_url"}}"#;
        assert_eq!(told(400, param), CheckoutError::BadAddress("success_url"));
        for status in [409, 429, 500, 503] {
            assert!(matches!(
                told(status, "no JSON"),
                CheckoutError::Unavailable(_)
            ));
        }
        for status in [400, 401, 403] {
            assert!(matches!(told(status, "{}"), CheckoutError::Refused(_)));
        }
    }
}
