//! The sample events, `events/<function>.json`: each has the shape of AWS's own, and fits the template.

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::ids::{FileId, GenerationId, KeyId, SessionId, UserId};
use domain::plans::Plan;
use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::template::{Route, functions, routes};
use crate::workspace;

/// The caller in every sample.
pub const CALLER: &str = "usr_01J00000000000000000000001";
/// The placeholder for a credential.
pub const CREDENTIAL: &str = "Bearer a.sample.token";
/// The fields that an event of API Gateway's proxy integration (version 1) always has.
const PROXY_FIELDS: [&str; 12] = [
    "body",
    "headers",
    "httpMethod",
    "isBase64Encoded",
    "multiValueHeaders",
    "multiValueQueryStringParameters",
    "path",
    "pathParameters",
    "queryStringParameters",
    "requestContext",
    "resource",
    "stageVariables",
];
/// The fields of a REQUEST authorizer's event, which has no body.
const AUTHORIZER_FIELDS: [&str; 12] = [
    "headers",
    "httpMethod",
    "methodArn",
    "multiValueHeaders",
    "multiValueQueryStringParameters",
    "path",
    "pathParameters",
    "queryStringParameters",
    "requestContext",
    "resource",
    "stageVariables",
    "type",
];
const RECORD_FIELDS: [&str; 9] = [
    "attributes",
    "awsRegion",
    "body",
    "eventSource",
    "eventSourceARN",
    "md5OfBody",
    "messageAttributes",
    "messageId",
    "receiptHandle",
];
const SCHEDULER_FIELDS: [&str; 9] = [
    "account",
    "detail",
    "detail-type",
    "id",
    "region",
    "resources",
    "source",
    "time",
    "version",
];

/// The folder of the samples.
pub fn folder() -> PathBuf {
    stack::workspace_root().join("events")
}

/// The names of the samples: their functions' binaries.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|file| file.strip_suffix(".json").unwrap_or(&file).to_owned())
        .collect();
    names.sort();
    names
}

/// A sample as it is written.
pub fn text(name: &str) -> String {
    workspace::text(&format!("events/{name}.json"))
}

fn event(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

/// The samples of functions that routes call, each with its route.
fn calls() -> Vec<(String, Value, Route<'static>)> {
    let routes = || routes().into_iter();
    let mut calls = Vec::new();
    for name in names() {
        let event = event(&name);
        if routes().all(|route| route.function.binary() != name) {
            continue;
        }
        let route = routes().find(|route| {
            route.function.binary() == name
                && event["resource"] == route.path
                && event["httpMethod"] == route.method
        });
        let route = route.unwrap_or_else(|| panic!("{name} is no call of a route of its own"));
        calls.push((name, event, route));
    }
    assert!(!calls.is_empty());
    calls
}

/// The samples of functions with an event of this kind.
fn called_by(kind: &str) -> Vec<(String, Value)> {
    let called = functions()
        .iter()
        .filter(|function| function.events().any(|event| event.kind == kind));
    let called: Vec<_> = called
        .map(|function| (function.binary().to_owned(), event(function.binary())))
        .collect();
    assert!(!called.is_empty());
    called
}

/// The parts of a caller's context that the gateway passes to each function, but for those that it adds
/// itself.
pub fn contexts() -> Vec<(String, BTreeSet<String>)> {
    let own = ["integrationLatency", "principalId"];
    let called = calls().into_iter();
    let called = called.filter(|(_, _, route)| !route.is_public);
    called
        .map(|(name, event, _)| {
            let fields = keys(&event["requestContext"]["authorizer"]);
            let fields = fields.into_iter().filter(|field| !own.contains(field));
            (name, fields.map(str::to_owned).collect())
        })
        .collect()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn a_call_has_every_field_that_api_gateway_sends() {
    for (name, event, _) in calls() {
        assert_eq!(keys(&event), BTreeSet::from(PROXY_FIELDS), "{name}");
        is_consistent(&name, &event);
    }
    let event = event("accounts-authorize");
    assert_eq!(keys(&event), BTreeSet::from(AUTHORIZER_FIELDS));
    assert_eq!(event["type"], "REQUEST");
    is_consistent("accounts-authorize", &event);
    let arn = event["methodArn"].as_str().unwrap();
    let path = event["path"].as_str().unwrap();
    assert!(arn.ends_with(&format!("/v1/GET{path}")), "{arn}");
}

/// Checks that an event says the same thing in both places where it says something twice.
fn is_consistent(name: &str, event: &Value) {
    let context = &event["requestContext"];
    assert_eq!(context["resourcePath"], event["resource"], "{name}");
    assert_eq!(context["httpMethod"], event["httpMethod"], "{name}");
    assert_eq!(context["stage"], "v1", "{name}");
    let path = event["path"].as_str().unwrap();
    assert_eq!(context["path"], format!("/v1{path}"), "{name}");
    let headers = event["headers"].as_object().unwrap();
    assert_eq!(headers["Host"], context["domainName"], "{name}");
    assert_eq!(
        headers["User-Agent"], context["identity"]["userAgent"],
        "{name}"
    );
    for (single, multiple) in [
        ("headers", "multiValueHeaders"),
        ("queryStringParameters", "multiValueQueryStringParameters"),
    ] {
        let lists = event[single].as_object().map(|values| {
            let list = |(key, value): (&String, &Value)| (key.clone(), vec![value.clone()].into());
            Value::Object(values.iter().map(list).collect::<Map<_, _>>())
        });
        assert_eq!(event[multiple], lists.unwrap_or_default(), "{name}");
    }
    let mut filled = event["resource"].as_str().unwrap().to_owned();
    for (parameter, value) in event["pathParameters"].as_object().into_iter().flatten() {
        filled = filled.replace(&format!("{{{parameter}}}"), value.as_str().unwrap());
    }
    assert_eq!(filled, path, "{name}");
}

#[test]
fn a_call_has_a_caller_exactly_where_its_route_asks_for_one() {
    for (name, event, route) in calls() {
        let authorizer = &event["requestContext"]["authorizer"];
        assert_eq!(authorizer.is_null(), route.is_public, "{name}");
        assert_eq!(
            event["headers"]["Authorization"].is_null(),
            route.is_public,
            "{name}"
        );
        if !route.is_public {
            assert_eq!(authorizer["principalId"], CALLER, "{name}");
            let plan = authorizer["plan"].as_str().unwrap();
            assert!(Plan::parse(plan).is_some(), "{name}: {plan}");
        }
    }
}

#[test]
fn a_batch_of_messages_has_the_shape_of_sqs() {
    for (name, event) in called_by("EventSourceMapping") {
        assert_eq!(keys(&event), BTreeSet::from(["Records"]), "{name}");
        for record in event["Records"].as_array().unwrap() {
            assert_eq!(keys(record), BTreeSet::from(RECORD_FIELDS), "{name}");
            assert_eq!(record["eventSource"], "aws:sqs", "{name}");
            let body = record["body"].as_str().unwrap();
            assert!(serde_json::from_str::<Value>(body).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_scheduled_event_has_the_shape_of_eventbridge_scheduler() {
    for (name, event) in called_by("ScheduleV2") {
        assert_eq!(keys(&event), BTreeSet::from(SCHEDULER_FIELDS), "{name}");
        assert_eq!(event["source"], "aws.scheduler", "{name}");
    }
}

#[test]
fn every_id_in_a_sample_is_one() {
    let id = Regex::new(r"\b(usr|ses|key|gen|fil|rt)_[0-9][0-9A-Za-z]+").unwrap();
    let mut found = 0;
    for name in names() {
        for id in id.find_iter(&text(&name)).map(|found| found.as_str()) {
            let is_one = UserId::parse(id).is_some()
                || GenerationId::parse(id).is_some()
                || FileId::parse(id).is_some()
                || KeyId::parse(id).is_some()
                || SessionId::parse(&id.replace("rt_", "ses_")).is_some();
            assert!(is_one, "{name}: {id}");
            found += 1;
        }
    }
    assert!(found > 0);
}

#[test]
fn no_sample_holds_a_credential() {
    // A token, an access key of AWS, a key of fal: what people paste from their terminals.
    let secret =
        Regex::new(r"\beyJ[\w-]+|\b(AKIA|ASIA)[A-Z0-9]{16}\b|[0-9a-f-]{36}:[0-9a-f]{32}").unwrap();
    let authorization = Regex::new(r#""Authorization": "([^"]*)""#).unwrap();
    for name in names() {
        let text = text(&name);
        assert!(!secret.is_match(&text), "{name}");
        for credential in authorization.captures_iter(&text) {
            assert_eq!(&credential[1], CREDENTIAL, "{name}");
        }
    }
}
