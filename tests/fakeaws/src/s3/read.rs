//! `GetObject` and `HeadObject`: the part of an object that is sent, and its headers.
//!
//! Owns ranges, conditions and the overrides that a signed URL may ask for.

use std::ops::Range;

use http_body_util::{Either, Full};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use super::objects::Object;
use super::{Fault, Target};
use crate::clock::http_date;
use crate::wire::{FileBody, Reply, Request};

/// The most replaced files that a reader meets before it gives up.
const ATTEMPTS_MAX: u32 = 5;
/// The headers that a parameter `response-<header>` may replace.
const OVERRIDABLE: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// Answers GET and HEAD of an object.
pub(super) async fn read(target: &Target<'_>, request: &Request) -> Result<Reply, Fault> {
    for _ in 0..ATTEMPTS_MAX {
        let object = target.objects.find(&target.bucket, &target.key).await?;
        if let Some(reply) = unmet_condition(request, &object)? {
            return Ok(reply);
        }
        let range = range(request.header("range"), object.size_bytes)?;
        let whole = 0..object.size_bytes;
        let sent = range.clone().unwrap_or(whole);
        let length = sent.end - sent.start;
        let body = if request.method == Method::HEAD {
            Either::Left(Full::default())
        } else {
            match target.objects.open_file(&object, sent.start).await? {
                Some(file) => Either::Right(FileBody::new(file, length)),
                None => continue,
            }
        };
        let mut reply = Response::new(body);
        describe(&mut reply, target, request, &object, range.is_none());
        set(&mut reply, "content-length", &length.to_string());
        if range.is_some() {
            *reply.status_mut() = StatusCode::PARTIAL_CONTENT;
            let last = sent.end - 1;
            let content_range = format!("bytes {}-{last}/{}", sent.start, object.size_bytes);
            set(&mut reply, "content-range", &content_range);
        }
        return Ok(reply);
    }
    Err(Fault::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "SlowDown",
        "The object keeps changing.",
    ))
}

fn describe(
    reply: &mut Reply,
    target: &Target<'_>,
    request: &Request,
    object: &Object,
    is_whole: bool,
) {
    set(reply, "content-type", "binary/octet-stream");
    for (name, value) in &object.headers {
        set(reply, name, value);
    }
    for (name, value) in &target.query {
        let header = name
            .strip_prefix("response-")
            .filter(|h| OVERRIDABLE.contains(h));
        if let Some(header) = header {
            set(reply, header, value);
        }
    }
    set(reply, "etag", &format!("\"{}\"", object.md5));
    set(reply, "last-modified", &http_date(object.modified_ms));
    set(reply, "accept-ranges", "bytes");
    let wants_checksums = request
        .header("x-amz-checksum-mode")
        .or_else(|| target.parameter("x-amz-checksum-mode"))
        .is_some_and(|mode| mode.eq_ignore_ascii_case("enabled"));
    if wants_checksums && is_whole {
        for (name, value) in &object.checksums {
            set(reply, name, value);
        }
    }
}

/// The reply when the caller has this object already, or asked for another version.
fn unmet_condition(request: &Request, object: &Object) -> Result<Option<Reply>, Fault> {
    let names = |list: &str| {
        list.split(',')
            .any(|tag| tag.trim() == "*" || tag.trim().trim_matches('"') == object.md5)
    };
    if request.header("if-match").is_some_and(|list| !names(list)) {
        let message = "At least one of the pre-conditions you specified did not hold";
        return Err(Fault::new(
            StatusCode::PRECONDITION_FAILED,
            "PreconditionFailed",
            message,
        ));
    }
    if request.header("if-none-match").is_some_and(names) {
        let mut reply = Response::new(Either::Left(Full::default()));
        *reply.status_mut() = StatusCode::NOT_MODIFIED;
        set(&mut reply, "etag", &format!("\"{}\"", object.md5));
        return Ok(Some(reply));
    }
    Ok(None)
}

/// The bytes that a `Range` header asks for; `None` when it asks for everything, or for more than one range,
/// which S3 does not serve.
fn range(header: Option<&str>, size_bytes: u64) -> Result<Option<Range<u64>>, Fault> {
    let Some((first, last)) = header
        .and_then(|header| header.strip_prefix("bytes="))
        .and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size_bytes),
        (Ok(first), Err(_)) if last.is_empty() => first..size_bytes,
        (Err(_), Ok(length)) if first.is_empty() => size_bytes.saturating_sub(length)..size_bytes,
        (_, _) => return Ok(None),
    };
    if range.start < range.end {
        return Ok(Some(range));
    }
    let message = "The requested range is not satisfiable";
    Err(
        Fault::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", message)
            .with("ActualObjectSize", &size_bytes.to_string()),
    )
}

/// Sets a header; a value that cannot stand in a header is left out.
pub(super) fn set(reply: &mut Reply, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        reply.headers_mut().insert(name, value);
    }
}
