//! The receivers of our webhooks, on the wire.
//!
//! Owns: the addresses that may be called, how an event is sent, and the meaning of an answer. An address
//! comes from somebody else: it is called over TLS, at public addresses only, and no redirect is followed.
//! Refuses to know what is told, who signed it, and when it is tried again.
//!
//! The headers are those of Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use std::time::Duration;

use domain::Timestamp;
use domain::webhook_endpoints::{Reached, URL_CHARS_MAX};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url};
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use web::ClientBuildError;

/// The time for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The time for one call: 15 s, as Standard Webhooks advises.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// The number of bytes of an answer that are kept.
pub const ANSWER_BYTES_MAX: usize = 1_024;
/// The form of a moment in `Retry-After` (RFC 9110, section 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// The places where receivers may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// On the public internet, over TLS.
    Public,
    /// Also on this machine, without TLS: for the local cloud.
    ThisMachine,
}

/// An event in the form in which it is sent.
#[derive(Debug)]
pub struct Message<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it is sent, in seconds since the Unix epoch.
    pub at_s: i64,
    /// Its signatures, one for each secret.
    pub signatures: Vec<String>,
    /// Its body, as JSON.
    pub body: Vec<u8>,
}

/// The answer of a receiver, or the reason why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverAnswer {
    /// The status.
    pub status: Option<u16>,
    /// The beginning of the body.
    pub response: Option<String>,
    /// The reason why it does not count.
    pub error: Option<String>,
    /// The time at which the receiver wants the next attempt.
    pub retry_at: Option<RetryAt>,
}

/// The time at which a receiver wants the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAt {
    /// After this time.
    In(Duration),
    /// At this moment.
    At(Timestamp),
}

/// A client that calls receivers.
#[derive(Debug)]
pub struct Receivers {
    http: Client,
    reach: Reach,
}

impl Receivers {
    /// Makes a client for receivers that are within `reach`.
    ///
    /// # Errors
    /// [`ClientBuildError`] if TLS cannot be set up.
    pub fn new(reach: Reach) -> Result<Self, ClientBuildError> {
        let client = match reach {
            Reach::Public => web::public_client(CONNECT_TIMEOUT),
            Reach::ThisMachine => web::client(CONNECT_TIMEOUT),
        };
        let http = client
            .timeout(TIMEOUT)
            // No connection to one receiver is kept for the next call.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(|error| ClientBuildError(format!("no HTTP client: {error}")))?;
        Ok(Self { http, reach })
    }

    /// Sends `message` to `url` once.
    pub async fn tell(&self, url: &str, message: Message<'_>) -> ReceiverAnswer {
        let url = match check_url(url, self.reach) {
            Ok(url) => url,
            Err(why) => return ReceiverAnswer::none(why),
        };
        let sent = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.at_s)
            .header("webhook-signature", message.signatures.join(" "))
            .body(message.body)
            .send()
            .await;
        match sent {
            Ok(response) => read(response).await,
            Err(error) => ReceiverAnswer::none(describe(&error)),
        }
    }
}

impl ReceiverAnswer {
    fn none(why: impl Into<String>) -> Self {
        Self {
            status: None,
            response: None,
            error: Some(why.into()),
            retry_at: None,
        }
    }

    /// Returns its meaning for the endpoint: any 2xx is success, and 410 means that it is gone for good.
    #[must_use]
    pub fn reached(&self) -> Reached {
        match self.status {
            Some(200..=299) => Reached::Yes,
            Some(410) => Reached::Gone,
            Some(_) | None => Reached::No,
        }
    }
}

/// Reads `text` as an address, if it may be called.
///
/// # Errors
/// The requirement that it does not meet, in words.
pub fn check_url(text: &str, reach: Reach) -> Result<Url, &'static str> {
    if text.chars().count() > URL_CHARS_MAX {
        return Err("must have at most 2,000 characters");
    }
    let url = Url::parse(text).map_err(|_| "must be a URL, such as https://example.org/hook")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no user name and no password");
    }
    if url.fragment().is_some() {
        return Err("must have no fragment (#)");
    }
    let is_here = reach == Reach::ThisMachine
        && url.scheme() == "http"
        && matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
    match url.scheme() {
        "https" if web::may_be_tried(&url) => Ok(url),
        "https" => Err("must lead to the public internet"),
        _ if is_here => Ok(url),
        _ => Err("must start with https://"),
    }
}

async fn read(mut response: Response) -> ReceiverAnswer {
    let status = response.status();
    let retry_at = retry_at(response.headers());
    let mut body = Vec::new();
    // The status is the answer. A body that breaks off, or has no end, changes nothing.
    while body.len() < ANSWER_BYTES_MAX
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(ANSWER_BYTES_MAX);
    let text = String::from_utf8_lossy(&body).into_owned();
    let error = match status {
        status if status.is_success() => None,
        status if status.is_redirection() => Some("redirects are not followed".to_owned()),
        StatusCode::GONE => Some("the endpoint says that it is gone".to_owned()),
        status => Some(format!("the endpoint answered {}", status.as_u16())),
    };
    ReceiverAnswer {
        status: Some(status.as_u16()),
        response: Some(text).filter(|text| !text.is_empty()),
        error,
        retry_at,
    }
}

/// Reads `Retry-After` in either form (RFC 9110, section 10.2.3).
fn retry_at(headers: &HeaderMap) -> Option<RetryAt> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    if let Ok(seconds) = text.parse() {
        return Some(RetryAt::In(Duration::from_secs(seconds)));
    }
    let at = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?;
    let at_s = at.assume_utc().unix_timestamp();
    Some(RetryAt::At(Timestamp::from_ms(at_s.saturating_mul(1_000))))
}

/// Describes an error for the receiver's owner. The description does not name the address, which may hold a
/// secret.
fn describe(error: &reqwest::Error) -> String {
    if web::is_not_public(error) {
        return "the name leads to no public address".to_owned();
    }
    let why = if error.is_timeout() {
        "no answer within 15 seconds"
    } else if error.is_connect() {
        "no connection: nobody listens there, or the certificate is not valid"
    } else {
        "the connection broke off"
    };
    why.to_owned()
}

#[cfg(test)]
mod tests;
