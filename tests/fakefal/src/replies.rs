//! Answers as they go out: JSON, and scripted ones in their place.
//!
//! Owns the forms of answers, and the form of a scripted one on the wire. Refuses to know whose turn it is.

use std::time::Duration;

use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Body as _, Bytes, Frame};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use crate::answers::{Act, Answer, Body};
use crate::{Error, output};

/// The time that a request hangs.
const HANG_TIMEOUT: Duration = Duration::from_secs(60);
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-fal-error-type");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-fal-request-id");

/// An answer.
pub(crate) type Reply = Response<Content>;

/// The body of an answer.
pub(crate) type Content = UnsyncBoxBody<Bytes, Broken>;

/// The connection ends in the middle of an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends here, as the prompt asked")]
pub(crate) struct Broken;

/// A reason for which there is no answer.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// The connection is closed without an answer.
    Dropped,
    /// The stand-in is out of order.
    Fault(Error),
}

impl From<Error> for NoReply {
    fn from(problem: Error) -> Self {
        Self::Fault(problem)
    }
}

pub(crate) fn content(bytes: impl Into<Bytes>) -> Content {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(crate) fn json_of(status: u16, body: &Value) -> Reply {
    typed_content(status, "application/json", body.to_string())
}

pub(crate) fn detail(status: u16, text: &str) -> Reply {
    json_of(status, &json!({ "detail": text }))
}

pub(crate) fn with_request_id(mut reply: Reply, request_id: &str) -> Reply {
    set_text(&mut reply, REQUEST_ID, request_id);
    reply
}

/// An error whose type stands in a header too, if it is one of the platform's own.
pub(crate) fn error_of(status: u16, body: &Value) -> Reply {
    let mut reply = json_of(status, body);
    if let Some(kind) = body.get("error_type").and_then(Value::as_str) {
        set_text(&mut reply, ERROR_TYPE, kind);
    }
    reply
}

/// Gives a script's answer in place of `real`, which is computed only if the script tells a part of it.
pub(crate) async fn scripted(
    answer: &Answer,
    origin: &str,
    real: impl Future<Output = Result<Reply, NoReply>>,
) -> Result<Reply, NoReply> {
    let Act::Reply {
        status,
        body,
        location,
    } = answer.act()
    else {
        tokio::time::sleep(HANG_TIMEOUT).await;
        return Err(NoReply::Dropped);
    };
    let mut reply = match body {
        Body::Detail => detail(*status, words(*status)),
        Body::Html => typed_content(*status, "text/html", page(*status)),
        Body::Empty => with_status(*status, content("")),
        Body::Cut => first_half(*status, real.await?),
        Body::Null => json_of(*status, &Value::Null),
        Body::Typed(kind) => json_of(*status, &output::model_error(kind)),
        Body::Error(kind) => error_of(*status, &output::platform_error(kind)),
    };
    if (300..400).contains(status) {
        let nowhere = || format!("{origin}/missing/redirected");
        let location = location.clone().unwrap_or_else(nowhere);
        set_text(&mut reply, LOCATION, &location);
    }
    Ok(reply)
}

/// fal's plain text for a status.
fn words(status: u16) -> &'static str {
    match status {
        401 => "Cannot access application. Authentication is required",
        // fal's words to an account that has no money left.
        403 => {
            "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
        }
        _ => reason(status),
    }
}

fn reason(status: u16) -> &'static str {
    let status = StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Scripted")
}

/// The page that a proxy in front of fal shows.
fn page(status: u16) -> String {
    let reason = reason(status);
    format!(
        "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n\
         <center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
}

/// The first half of an answer, as if that were all of it.
fn first_half(status: u16, whole: Reply) -> Reply {
    let (head, body) = whole.into_parts();
    let told = head.headers.get(CONTENT_LENGTH);
    let told = told.and_then(|length| length.to_str().ok()?.parse().ok());
    let length: u64 = told.or(body.size_hint().exact()).unwrap_or_default() / 2;
    let first = stream::unfold((body, length), |(mut body, left)| async move {
        if left == 0 {
            return None;
        }
        let data = match body.frame().await?.map(Frame::into_data) {
            Ok(data) => data.unwrap_or_default(),
            Err(broken) => return Some((Err(broken), (body, 0))),
        };
        let size = usize::try_from(left).map_or(data.len(), |left| left.min(data.len()));
        let left = left - size as u64;
        Some((Ok(Frame::data(data.slice(..size))), (body, left)))
    });
    let mut reply = with_status(status, StreamBody::new(first).boxed_unsync());
    let headers = reply.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(content_type) = head.headers.get(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, content_type.clone());
    }
    reply
}

fn typed_content(status: u16, content_type: &'static str, text: String) -> Reply {
    let mut reply = with_status(status, content(text));
    let content_type = HeaderValue::from_static(content_type);
    reply.headers_mut().insert(CONTENT_TYPE, content_type);
    reply
}

pub(crate) fn with_status(status: u16, body: Content) -> Reply {
    let mut reply = Response::new(body);
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply
}

/// Sets a header; a text that cannot stand in one is left out.
pub(crate) fn set_text(reply: &mut Reply, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        reply.headers_mut().insert(name, value);
    }
}
