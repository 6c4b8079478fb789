//! The samples of requests, `events/<function>.json`, are written from the lines of
//! `samples.txt` and from the template.
//!
//! Owns the events as API Gateway's proxy integration would send them (version 1). Refuses to know how a
//! function handles them. After a line was changed or added: `WRITE_SAMPLES=1 cargo test --workspace --test
//! guards -- samples`.

use std::sync::LazyLock;

use api::endpoint::Audience;
use api::openapi;
use api::operation::Operation;
use serde_json::{Map, Value, json};

use crate::events::{self, CALLER, CREDENTIAL};
use crate::template::{Route, routes};

/// The host of the samples' gateway.
const HOST: &str = "abcdefghij.execute-api.eu-west-1.amazonaws.com";
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000001";
const USER_AGENT: &str = "curl/8.7.1";
const SOURCE: &str = "203.0.113.10";
const SESSION: &str = "ses_01J00000000000000000000004";

/// A line of `samples.txt`.
pub struct Sample {
    /// The function.
    pub function: &'static str,
    /// Its reply.
    pub reply: &'static str,
    /// The method, the path with its query, and the body; `None` for a sample that is written by hand.
    request: Option<(&'static str, &'static str, Option<&'static str>)>,
}

/// Every sample, in the order in which the functions are invoked: first those that have a line, then those
/// that need none. `tests/sam/run` and `tests/aws/run` read the same file.
pub static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let lines = include_str!("../../samples.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut samples: Vec<_> = lines.map(Sample::read).collect();
    for route in routes() {
        let function = route.function.binary();
        if samples.iter().all(|sample| sample.function != function) {
            samples.push(Sample::usual(&route));
        }
    }
    samples
});

impl Sample {
    /// The sample of a route to which only the path is sent, and whose answer is 200.
    fn usual(route: &Route<'static>) -> Self {
        let (function, path) = (route.function.binary(), route.path);
        let is_plain = route.method == "GET" && !path.contains('{');
        assert!(is_plain, "{function} needs a line in samples.txt");
        Self {
            function,
            reply: "200",
            request: Some(("GET", path, None)),
        }
    }

    fn read(line: &'static str) -> Self {
        let (function, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim();
        let is_status = rest.starts_with(|c: char| c.is_ascii_digit());
        let (reply, request) = match rest.split_once("  ") {
            Some((reply, request)) if is_status => (reply, Some(request)),
            Some(_) | None => (rest, None),
        };
        let request = request.map(|request| {
            let (method, rest) = request.split_once(' ').unwrap();
            match rest.split_once(' ') {
                Some((path, body)) => (method, path, Some(body)),
                None => (method, rest, None),
            }
        });
        Self {
            function,
            reply,
            request,
        }
    }

    /// The event that API Gateway would send; `None` if it is written by hand.
    fn event(&self) -> Option<Value> {
        let (method, path, body) = self.request?;
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let routes = routes().into_iter();
        let route = routes
            .filter(|route| route.function.binary() == self.function && route.method == method)
            .find(|route| parameters(route.path, path).is_some());
        let route = route.unwrap_or_else(|| panic!("{} has no route {path}", self.function));
        let headers = headers(&route, body);
        let query: Option<Map<String, Value>> = query.map(|query| {
            let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
            let pairs = pairs.map(|(name, value)| (name.to_owned(), json!(value)));
            pairs.collect()
        });
        let parameters = parameters(route.path, path).unwrap();
        Some(json!({
            "resource": route.path,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": lists(&headers),
            "queryStringParameters": query,
            "multiValueQueryStringParameters": query.as_ref().map(lists),
            "pathParameters": (!parameters.is_empty()).then_some(parameters),
            "stageVariables": null,
            "requestContext": context(&route, path),
            "body": body,
            "isBase64Encoded": false,
        }))
    }
}

/// The values of a route's parameters in a path, if the path fits the route.
fn parameters(route: &str, path: &str) -> Option<Map<String, Value>> {
    let (names, values): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    if names.len() != values.len() {
        return None;
    }
    let mut parameters = Map::new();
    for (name, value) in names.into_iter().zip(values) {
        match name
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
        {
            Some(name) => drop(parameters.insert(name.to_owned(), json!(value))),
            None if name == value => {}
            None => return None,
        }
    }
    Some(parameters)
}

fn headers(route: &Route<'_>, body: Option<&str>) -> Map<String, Value> {
    let mut headers = Map::new();
    let mut add = |name: &str, value: &str| headers.insert(name.to_owned(), json!(value));
    add("Accept", "*/*");
    if !route.is_public {
        add("Authorization", CREDENTIAL);
    }
    if body.is_some() {
        add("Content-Type", "application/json");
    }
    add("Host", HOST);
    add("User-Agent", USER_AGENT);
    add(
        "X-Amzn-Trace-Id",
        "Root=1-6955b900-000000000000000000000001",
    );
    add("X-Forwarded-For", SOURCE);
    add("X-Forwarded-Port", "443");
    add("X-Forwarded-Proto", "https");
    headers
}

fn lists(values: &Map<String, Value>) -> Map<String, Value> {
    let list = |(name, value): (&String, &Value)| (name.clone(), json!([value]));
    values.iter().map(list).collect()
}

fn context(route: &Route<'_>, path: &str) -> Value {
    let mut operations = openapi::operations().into_iter();
    let is_it = |it: &Operation| it.method == route.method && it.path == route.path;
    let operation = operations.find(is_it).unwrap();
    let is_admin = operation.audience == Audience::Admin;
    let caller = json!({
        "principalId": CALLER,
        "plan": "free",
        "email_verified": "false",
        "is_admin": is_admin.to_string(),
        "shown": SESSION,
        "scopes": "",
        "capped": "false",
        "integrationLatency": 0,
    });
    json!({
        "authorizer": (!route.is_public).then_some(caller),
        "resourceId": "abc123",
        "resourcePath": route.path,
        "httpMethod": route.method,
        "extendedRequestId": "AAAAAAAAAAAAAA=",
        "requestTime": "01/Jan/2026:00:00:00 +0000",
        "path": format!("/v1{path}"),
        "accountId": "123456789012",
        "protocol": "HTTP/1.1",
        "stage": "v1",
        "domainPrefix": "abcdefghij",
        "requestTimeEpoch": 1_767_225_600_000_u64,
        "requestId": REQUEST_ID,
        "identity": {
            "cognitoIdentityPoolId": null,
            "accountId": null,
            "cognitoIdentityId": null,
            "caller": null,
            "sourceIp": SOURCE,
            "principalOrgId": null,
            "accessKey": null,
            "cognitoAuthenticationType": null,
            "cognitoAuthenticationProvider": null,
            "userArn": null,
            "userAgent": USER_AGENT,
            "user": null,
        },
        "domainName": HOST,
        "deploymentId": "abc123",
        "apiId": "abcdefghij",
    })
}

#[test]
fn every_function_has_a_sample_that_is_as_its_line_says() {
    let write = std::env::var_os("WRITE_SAMPLES").is_some();
    for sample in SAMPLES.iter() {
        let Some(event) = sample.event() else {
            continue;
        };
        let file = events::folder().join(format!("{}.json", sample.function));
        let text = format!("{event:#}\n");
        if write {
            std::fs::write(file, text).unwrap();
        } else {
            let found = std::fs::read_to_string(file).unwrap_or_default();
            let name = sample.function;
            assert!(
                found == text,
                "{name}: run this test again with WRITE_SAMPLES=1"
            );
        }
    }
    let mut named: Vec<_> = SAMPLES.iter().map(|sample| sample.function).collect();
    named.sort_unstable();
    assert_eq!(named.as_slice(), events::names());
}
