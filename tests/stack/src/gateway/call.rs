//! One request to the API, as the gateway sees it.
//!
//! Owns the gateway's knowledge about a caller. Refuses to know which route serves it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Version};
use time::OffsetDateTime;
use uuid::Uuid;

use super::GatewayError;
use crate::encoding;

/// One request, without its body.
pub struct Call {
    /// The request's id, made here.
    pub request_id: String,
    /// The id that AWS's edge gives.
    pub extended_request_id: String,
    /// The method, in capitals.
    pub method: String,
    /// The path after the stage, as it was sent.
    pub path: String,
    /// The stage.
    pub stage: String,
    /// `HTTP/1.1` and the like.
    pub protocol: &'static str,
    /// The headers, with those that the gateway adds.
    pub headers: BTreeMap<String, Vec<String>>,
    /// The query parameters, decoded.
    pub query: BTreeMap<String, Vec<String>>,
    /// The caller's address.
    pub source_ip: String,
    /// The time at which the request arrived.
    pub time: OffsetDateTime,
}

/// Headers that concern one connection only.
const CONNECTION_HEADERS: [&str; 7] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// AWS's bound on the request line and the headers together.
const HEAD_SIZE_BYTES_MAX: usize = 10_240;

impl Call {
    /// Reads a request's head; `path` is the part after the stage.
    pub fn new(parts: &Parts, peer: SocketAddr, stage: &str, path: &str) -> Self {
        let time = OffsetDateTime::now_utc();
        let request_id = Uuid::new_v4().to_string();
        let source_ip = peer.ip().to_string();
        let mut headers = readable_headers(&parts.headers);
        let forwarded = match headers.get("x-forwarded-for") {
            Some(known) => format!("{}, {source_ip}", known.join(", ")),
            None => source_ip.clone(),
        };
        let trace = format!(
            "Root=1-{:08x}-{}",
            time.unix_timestamp(),
            &request_id.replace('-', "")[..24]
        );
        headers.insert("x-forwarded-for".to_owned(), vec![forwarded]);
        headers.insert("x-forwarded-proto".to_owned(), vec!["http".to_owned()]);
        headers
            .entry("x-amzn-trace-id".to_owned())
            .or_insert_with(|| vec![trace]);
        let extended_request_id = format!("{}=", &encoding::base64(request_id.as_bytes())[..15]);
        Self {
            request_id,
            extended_request_id,
            method: parts.method.as_str().to_owned(),
            path: path.to_owned(),
            stage: stage.to_owned(),
            protocol: if parts.version == Version::HTTP_10 {
                "HTTP/1.0"
            } else {
                "HTTP/1.1"
            },
            headers,
            query: encoding::query(parts.uri.query().unwrap_or_default()),
            source_ip,
            time,
        }
    }

    /// The last value of a header; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.last().map(String::as_str)
    }

    /// The host that the caller named.
    pub fn domain_name(&self) -> &str {
        self.header("host").unwrap_or("localhost")
    }

    /// The path with the stage.
    pub fn path_with_stage(&self) -> String {
        format!("/{}{}", self.stage, self.path)
    }

    /// The time in the form of an access log.
    pub fn request_time(&self) -> String {
        const FORM: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
            "[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000"
        );
        self.time.format(FORM).unwrap_or_default()
    }

    /// The time in milliseconds.
    pub fn request_time_ms(&self) -> i64 {
        i64::try_from(self.time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
    }
}

/// Refuses a head that AWS would refuse.
pub fn check_head(parts: &Parts) -> Result<(), GatewayError> {
    let line = parts
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        name.as_str().len() + value.len()
    };
    let size_bytes = line + parts.headers.iter().map(header).sum::<usize>();
    if size_bytes > HEAD_SIZE_BYTES_MAX {
        Err(GatewayError::HeadTooLarge)
    } else {
        Ok(())
    }
}

fn readable_headers(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut readable: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        if !CONNECTION_HEADERS.contains(&name.as_str()) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            readable
                .entry(name.as_str().to_owned())
                .or_default()
                .push(value);
        }
    }
    readable
}
