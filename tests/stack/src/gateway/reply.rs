//! Turns a function's proxy response into an HTTP answer.
//!
//! Owns AWS's rules for statuses, headers and bodies. Refuses to know which function answered.

use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use super::GatewayError;
use crate::encoding;
use crate::http::Answer;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyResponse {
    status_code: Value,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Vec<Value>>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// Headers that the gateway sets itself; a function's are passed on under another name.
const REMAPPED: [&str; 6] = [
    "connection",
    "content-length",
    "content-md5",
    "date",
    "server",
    "www-authenticate",
];
/// Headers that concern one connection only.
const DROPPED: [&str; 5] = [
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads a function's answer; `decodes` says whether a base64 body is turned into bytes.
pub fn read(output: &[u8], decodes: bool) -> Result<Answer, GatewayError> {
    let malformed = |_| GatewayError::MalformedAnswer;
    let response: ProxyResponse = serde_json::from_slice(output).map_err(malformed)?;
    let body = response.body.unwrap_or_default();
    let body = if response.is_base64_encoded == Some(true) && decodes {
        encoding::from_base64(&body).ok_or(GatewayError::MalformedAnswer)?
    } else {
        body.into_bytes()
    };
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status(&response.status_code).ok_or(GatewayError::MalformedAnswer)?;
    // A header with several values replaces the same header with one value.
    let many = response.multi_value_headers.unwrap_or_default();
    let has_many = |name: &str| many.keys().any(|known| known.eq_ignore_ascii_case(name));
    for (name, value) in response.headers.unwrap_or_default() {
        if !has_many(&name) {
            add(&mut answer, &name, value)?;
        }
    }
    for (name, values) in many {
        for value in values {
            add(&mut answer, &name, value)?;
        }
    }
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().entry(CONTENT_TYPE).or_insert(json);
    Ok(answer)
}

fn status(value: &Value) -> Option<StatusCode> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let number = u16::try_from(number?)
        .ok()
        .filter(|number| (100..600).contains(number))?;
    StatusCode::from_u16(number).ok()
}

fn add(answer: &mut Answer, name: &str, value: Value) -> Result<(), GatewayError> {
    let malformed = GatewayError::MalformedAnswer;
    let text = match value {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Null => return Ok(()),
        Value::Array(_) | Value::Object(_) => return Err(malformed),
    };
    let lower = name.to_lowercase();
    if DROPPED.contains(&lower.as_str()) {
        return Ok(());
    }
    let remapped = REMAPPED.contains(&lower.as_str());
    let name = if remapped {
        format!("x-amzn-remapped-{lower}")
    } else {
        lower
    };
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed)?;
    let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| malformed)?;
    answer.headers_mut().append(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use serde_json::json;

    fn read_json(output: Value, decodes: bool) -> Result<(Answer, Vec<u8>), GatewayError> {
        let (parts, body) = read(output.to_string().as_bytes(), decodes)?.into_parts();
        let bytes = futures::executor::block_on(body.collect())
            .unwrap()
            .to_bytes()
            .to_vec();
        Ok((Response::from_parts(parts, Full::default()), bytes))
    }

    #[test]
    fn status_headers_and_body_are_passed_on() {
        let output = json!({
            "statusCode": 201,
            "headers": { "Location": "/x", "X-N": 1, "Set-Cookie": "lost" },
            "multiValueHeaders": { "set-cookie": ["a=1", "b=2"], "content-type": ["text/plain"] },
            "body": "hello",
        });
        let (answer, body) = read_json(output, false).unwrap();
        assert_eq!(answer.status(), 201);
        assert_eq!(answer.headers()["location"], "/x");
        assert_eq!(answer.headers()["x-n"], "1");
        let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(answer.headers()["content-type"], "text/plain");
        assert_eq!(body, b"hello");
    }

    #[test]
    fn the_content_type_is_json_when_nothing_is_said() {
        let (answer, _) = read_json(json!({ "statusCode": "200" }), false).unwrap();
        assert_eq!(answer.headers()["content-type"], "application/json");
    }

    #[test]
    fn a_base64_body_is_decoded_only_for_binary_media() {
        let output = json!({ "statusCode": 200, "body": "/wA=", "isBase64Encoded": true });
        assert_eq!(read_json(output.clone(), true).unwrap().1, [0xff, 0x00]);
        assert_eq!(read_json(output, false).unwrap().1, b"/wA=");
    }

    #[test]
    fn headers_of_the_gateway_itself_are_renamed() {
        let output = json!({ "statusCode": 401, "headers": { "WWW-Authenticate": "Bearer" } });
        let (answer, _) = read_json(output, false).unwrap();
        assert_eq!(
            answer.headers()["x-amzn-remapped-www-authenticate"],
            "Bearer"
        );
        assert!(answer.headers().get("www-authenticate").is_none());
    }

    #[test]
    fn a_malformed_answer_is_refused() {
        let cases = [
            json!("text"),
            json!({ "body": "no status" }),
            json!({ "statusCode": 99 }),
            json!({ "statusCode": 200, "body": { "not": "text" } }),
            json!({ "statusCode": 200, "headers": { "x": ["list"] } }),
            json!({ "statusCode": 200, "headers": { "bad name": "x" } }),
            json!({ "statusCode": 200, "headers": { "x": "a\r\nb" } }),
        ];
        for output in cases {
            assert!(read_json(output.clone(), false).is_err(), "{output}");
        }
    }
}
