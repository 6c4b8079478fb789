//! The answers of operations: their own, and the problems, which have the same form everywhere and are
//! described once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::schemas::Schemas;
use crate::codes::Code;
use crate::problem;

/// Names of headers in [`headers`].
pub(crate) type Headers = Vec<&'static str>;
type Content = (&'static str, Box<dyn Fn(&mut Schemas) -> Value>);

/// The answer of an operation that succeeded.
pub(super) struct ResponseObject {
    status: u16,
    what: String,
    content: Option<Content>,
    /// The headers of this answer. Every answer has `X-Request-Id`.
    pub(super) headers: Headers,
}

impl ResponseObject {
    pub(super) fn new(status: u16, what: &str, content: Option<Content>) -> Self {
        Self {
            status,
            what: what.to_owned(),
            content,
            headers: vec!["X-Request-Id"],
        }
    }
}

/// The answers that have been described so far.
#[derive(Default)]
pub(crate) struct Answers {
    /// The problems that operations share. Each set of codes is there once.
    pub(crate) problems: Map<String, Value>,
}

impl Answers {
    /// Builds the responses object: `answers`, and a problem for each of `codes`.
    pub(super) fn describe(
        &mut self,
        answers: &[ResponseObject],
        codes: &BTreeSet<Code>,
        schemas: &mut Schemas,
    ) -> Value {
        let mut responses = Map::new();
        for answer in answers {
            let mut response =
                json!({"description": answer.what, "headers": refer(&answer.headers)});
            if let Some((media_type, schema)) = &answer.content {
                response["content"] = json!({*media_type: {"schema": schema(schemas)}});
            }
            match responses.get_mut(&answer.status.to_string()) {
                // Another media type for the same status.
                Some(known) => merge(known, &response),
                None => drop(responses.insert(answer.status.to_string(), response)),
            }
        }
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in codes {
            for status in statuses(*code) {
                by_status.entry(status).or_default().push(*code);
            }
        }
        for (status, codes) in by_status {
            let shared = self.problem(status, &codes);
            match responses.get_mut(&status.to_string()) {
                Some(own) => merge(own, &self.problems[&shared]),
                None => {
                    let shared = json!({"$ref": format!("#/components/responses/{shared}")});
                    responses.insert(status.to_string(), shared);
                }
            }
        }
        Value::Object(responses)
    }

    /// Returns the name of the response with these codes.
    fn problem(&mut self, status: u16, codes: &[Code]) -> String {
        let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
        let name = format!("{status}.{}", names.join("."));
        self.problems
            .entry(&name)
            .or_insert_with(|| describe_problem(status, codes));
        name
    }
}

fn describe_problem(status: u16, codes: &[Code]) -> Value {
    let names: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let line = |code: &Code| format!("`{}`: {}.", code.as_str(), code.meaning());
    let meanings: Vec<_> = codes.iter().map(line).collect();
    let example = |code: &Code| {
        (
            code.as_str().to_owned(),
            json!({"value": shown(status, *code)}),
        )
    };
    let examples: Map<String, Value> = codes.iter().map(example).collect();
    let mut headers = vec!["X-Request-Id"];
    match status {
        401 => headers.push("WWW-Authenticate"),
        429 | 502 | 503 => headers.push("Retry-After"),
        _ => {}
    }
    json!({
        "description": meanings.join("\n\n"),
        "headers": refer(&headers),
        "content": {problem::CONTENT_TYPE: {
            "schema": {
                "allOf": [{"$ref": "#/components/schemas/Problem"}],
                "properties": {"status": {"const": status}, "code": {"enum": names}},
            },
            "examples": examples,
        }},
    })
}

/// Returns an example of a problem with this code.
fn shown(status: u16, code: Code) -> Value {
    let mut shown = json!({
        "type": "about:blank",
        "title": problem::title(status),
        "status": status,
        "code": code.as_str(),
        "detail": code.meaning(),
        "request_id": "7f3c1f6e-5d0a-4b0e-9a55-0a8f3c9be1d2",
    });
    if code == Code::ValidationFailed {
        let message = "must be one of 4s, 6s, 8s";
        let error =
            json!({"field": "parameters.duration", "code": "not_allowed", "message": message});
        shown["errors"] = json!([error]);
    }
    shown
}

fn merge(response: &mut Value, other: &Value) {
    for part in ["headers", "content"] {
        let more = other[part].as_object().into_iter().flatten();
        for (name, value) in more {
            response[part][name] = value.clone();
        }
    }
    let (first, second) = (&response["description"], &other["description"]);
    let words = [first, second].map(|words| words.as_str().unwrap_or_default());
    response["description"] = json!(words.join("\n\n"));
}

fn refer(headers: &[&str]) -> Value {
    let reference = |name: &&str| {
        let header = json!({"$ref": format!("#/components/headers/{name}")});
        ((*name).to_owned(), header)
    };
    Value::Object(headers.iter().map(reference).collect())
}

/// Returns the headers of answers, by their names.
pub(crate) fn headers() -> Value {
    let text = |what: &str, example: &str| json!({"description": what, "schema": {"type": "string"}, "example": example});
    json!({
        "X-Request-Id": {
            "description": "Identifies this request in our logs.",
            "required": true,
            "schema": {"type": "string"},
            "example": "7f3c1f6e-5d0a-4b0e-9a55-0a8f3c9be1d2",
        },
        "Retry-After": {
            "description": "The seconds to wait before trying again.",
            "schema": {"type": "integer", "minimum": 1},
            "example": 1,
        },
        "Location": text("The address of it.", "/v1/generations/gen_01KG9QZ3M4T5V6W7X8Y9Z0ABCD"),
        "Idempotent-Replayed": {
            "description": "Says that an earlier request with the same key did this.",
            "schema": {"type": "string", "const": "true"},
            "example": "true",
        },
        "WWW-Authenticate": text("The kind of credential that is needed.", "Bearer"),
        "ETag": text("Identifies this version of it.", "\"9f86d081884c7d65\""),
        "Cache-Control": text("The time for which it may be cached.", "public, max-age=300"),
    })
}

/// Returns the statuses that come with a code. The gateway also answers `internal` for a function that
/// crashed.
fn statuses(code: Code) -> Vec<u16> {
    if code == Code::Internal {
        return vec![500, 502];
    }
    vec![code.status()]
}
