//! The gateway's own answers: one for every type, in the one shape that every error has.

use std::collections::BTreeSet;

use api::codes::Code;
use api::problem::{CONTENT_TYPE, Problem};
use serde_json::Value;

use crate::template::document;

/// Every type, after
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html>.
const TYPES: [&str; 21] = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
];
/// The headers of each of them, whatever the error is.
const HEADERS: [(&str, &str); 8] = [
    ("Access-Control-Allow-Origin", "'*'"),
    ("Cache-Control", "'no-store'"),
    ("Content-Type", "'application/problem+json'"),
    ("Referrer-Policy", "'no-referrer'"),
    (
        "Strict-Transport-Security",
        "'max-age=63072000; includeSubDomains'",
    ),
    ("X-Content-Type-Options", "'nosniff'"),
    ("X-Frame-Options", "'DENY'"),
    ("X-Request-Id", "context.requestId"),
];

fn responses() -> impl Iterator<Item = (&'static str, &'static Value)> {
    let api = &document()["Resources"]["Api"]["Properties"]["GatewayResponses"];
    let responses = api.as_object().unwrap().iter();
    responses.map(|(name, response)| (name.as_str(), response))
}

#[test]
fn the_gateway_has_an_answer_of_ours_for_every_type() {
    let named: BTreeSet<&str> = responses().map(|(name, _)| name).collect();
    assert_eq!(named, BTreeSet::from(TYPES));
}

#[test]
fn every_answer_of_the_gateway_is_a_problem_with_a_code_that_is_documented() {
    for (name, response) in responses() {
        let templates = response["ResponseTemplates"].as_object().unwrap();
        // API Gateway picks a template by the type that the client accepts, and this one for any type.
        assert_eq!(templates.keys().collect::<Vec<_>>(), ["application/json"]);
        let body = templates["application/json"].as_str().unwrap();
        let problem: Problem = serde_json::from_str(body).unwrap();
        assert_eq!(response["StatusCode"], problem.status, "{name}");
        assert_eq!(problem.request_id, "$context.requestId", "{name}");
        let is_known = Code::ALL.iter().any(|code| code.as_str() == problem.code);
        assert!(is_known, "{name}: {}", problem.code);
    }
    assert_eq!(CONTENT_TYPE, "application/problem+json");
}

#[test]
fn every_answer_of_the_gateway_has_the_headers_that_every_answer_has() {
    for (name, response) in responses() {
        let headers = response["ResponseParameters"]["Headers"]
            .as_object()
            .unwrap();
        for (header, value) in HEADERS {
            assert_eq!(headers[header], value, "{name}");
        }
        let status = response["StatusCode"].as_u64().unwrap();
        let asks_to_wait = matches!(status, 429 | 502 | 503);
        assert_eq!(headers.contains_key("Retry-After"), asks_to_wait, "{name}");
        assert_eq!(
            headers.contains_key("WWW-Authenticate"),
            status == 401,
            "{name}"
        );
    }
}
