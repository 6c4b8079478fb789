//! The canonical form of a request: the text that both sides sign.
//!
//! Owns S3's escaping, which escapes once and keeps every path segment as it is.

use std::fmt::Write;

use crate::wire::Request;

/// The canonical request for these signed headers and this stand-in for the body.
pub(super) fn request(request: &Request, signed_headers: &[String], payload: &str) -> String {
    let mut headers = String::new();
    for name in signed_headers {
        let values: Vec<String> = request
            .headers
            .get_all(name)
            .iter()
            .map(|value| trimmed(&String::from_utf8_lossy(value.as_bytes())))
            .collect();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let mut pairs: Vec<(String, String)> = query_pairs(request.uri.query().unwrap_or_default())
        .into_iter()
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| {
            (
                encode(name.as_bytes(), false),
                encode(value.as_bytes(), false),
            )
        })
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{payload}",
        request.method,
        encode(&decode(request.uri.path()), true),
        pairs.join("&"),
        signed_headers.join(";"),
    )
}

/// A query's parameters, unescaped, in their order.
pub(crate) fn query_pairs(query: &str) -> Vec<(String, String)> {
    let text = |escaped: &str| String::from_utf8_lossy(&decode(escaped)).into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (text(name), text(value))
        })
        .collect()
}

/// Undoes percent-escapes; anything else stays as it is.
pub(crate) fn decode(escaped: &str) -> Vec<u8> {
    let bytes = escaped.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escape.and_then(|digits| hex::decode(digits).ok()) {
            Some(byte) => {
                decoded.extend(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    decoded
}

/// Escapes everything but unreserved characters, and slashes when they are kept.
pub(super) fn encode(bytes: &[u8], keep_slash: bool) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(byte.into());
            }
            b'/' if keep_slash => escaped.push('/'),
            // Writing to a string cannot fail.
            other => write!(escaped, "%{other:02X}").unwrap_or_default(),
        }
    }
    escaped
}

/// A header's value as it is signed: trimmed, with runs of spaces made one.
fn trimmed(value: &str) -> String {
    value
        .split(' ')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
