//! The check of every answer against the OpenAPI document: a status, a code or a field that it does not
//! describe fails the test.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Answer;

/// The described answers of one operation.
struct Operation {
    method: String,
    /// The path's segments, parameters in braces.
    path: Vec<String>,
    /// By status, the media types and the validators of their bodies; none for an answer without a body.
    answers: Answers,
}

type Answers = BTreeMap<u16, BTreeMap<String, Arc<Validator>>>;

/// The validators of the document's schemas. Building one takes milliseconds, and several operations have the
/// same answers.
#[derive(Default)]
struct Validators(BTreeMap<String, Arc<Validator>>);

impl Validators {
    fn of(&mut self, document: &Value, schema: &Value) -> Arc<Validator> {
        let build = || {
            let mut schema = schema.clone();
            schema["components"] = json!({"schemas": document["components"]["schemas"]});
            let options = jsonschema::options().should_validate_formats(true);
            Arc::new(options.build(&schema).unwrap())
        };
        let known = self.0.entry(schema.to_string());
        Arc::clone(known.or_insert_with(build))
    }
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let mut document = api::openapi::document("http://localhost/v1");
    close(&mut document["components"]["schemas"]);
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, operations)| {
        let operations = operations.as_object().unwrap().iter();
        operations.map(move |(method, operation)| (path, method, operation))
    });
    let mut validators = Validators::default();
    let read = |(path, method, operation): (&String, &String, &Value)| Operation {
        method: method.to_uppercase(),
        path: path.split('/').map(str::to_owned).collect(),
        answers: answers(&document, operation, &mut validators),
    };
    operations.map(read).collect()
});

/// Forbids unknown fields: clients must accept them, and the tests must not.
fn close(schemas: &mut Value) {
    for schema in schemas.as_object_mut().unwrap().values_mut() {
        let schema = schema.as_object_mut().unwrap();
        if schema.contains_key("properties") {
            schema.entry("additionalProperties").or_insert(json!(false));
        }
    }
}

fn answers(document: &Value, operation: &Value, validators: &mut Validators) -> Answers {
    let described = operation["responses"].as_object().unwrap().iter();
    let read = |(status, answer): (&String, &Value)| {
        let answer = match answer["$ref"].as_str() {
            Some(reference) => document.pointer(&reference[1..]).unwrap(),
            None => answer,
        };
        let content = answer["content"].as_object().into_iter().flatten();
        let bodies = content.map(|(media_type, body)| {
            (media_type.clone(), validators.of(document, &body["schema"]))
        });
        (status.parse().unwrap(), bodies.collect())
    };
    described.map(read).collect()
}

/// Fails if the document does not describe this answer to `method` of `path`, which is below the stage.
pub fn check(method: &str, path: &str, answer: &Answer) {
    if method != "HEAD" && answer.header("content-type") == "application/problem+json" {
        answer.shape();
    }
    let of_head = |operation: &&Operation| {
        method == "HEAD" && api::openapi::HEADS.contains(&operation.path.join("/").as_str())
    };
    if let Some(operation) = find("GET", path).filter(of_head) {
        assert!(
            operation.answers.contains_key(&answer.status),
            "HEAD {path}: {}",
            answer.status
        );
        assert_eq!(answer.body, Value::Null, "HEAD {path} has a body");
        return;
    }
    let Some(operation) = find(method, path) else {
        // Preflights are not described. The answer to any other unknown route has the one form of every
        // error.
        if method != "OPTIONS" {
            assert!(answer.status >= 400, "{method} {path} is not described");
            answer.shape();
        }
        return;
    };
    let at = format!("{method} {path} answered {}", answer.status);
    let bodies = operation.answers.get(&answer.status);
    let bodies = bodies.unwrap_or_else(|| panic!("{at}, undocumented: {:?}", answer.body));
    if bodies.is_empty() {
        assert_eq!(answer.body, Value::Null, "{at}, with a body");
        return;
    }
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let validator = bodies.get(media_type);
    let validator = validator.unwrap_or_else(|| panic!("{at} as {media_type:?}, undocumented"));
    let wrong: Vec<_> = validator
        .iter_errors(&answer.body)
        .map(|error| format!("{}: {error:.300}", error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{at}: {wrong:#?} in {:#}", answer.body);
}

/// Finds the operation with this path. A literal segment has priority over a parameter.
fn find(method: &str, path: &str) -> Option<&'static Operation> {
    let segments: Vec<_> = path.split('/').collect();
    let fits = |operation: &&Operation| {
        let mut pairs = operation.path.iter().zip(&segments);
        operation.method == method
            && operation.path.len() == segments.len()
            && pairs.all(|(named, real)| named == real || named.starts_with('{'))
    };
    let parameters = |operation: &&Operation| {
        let segments = operation.path.iter();
        segments.filter(|segment| segment.starts_with('{')).count()
    };
    OPERATIONS.iter().filter(fits).min_by_key(parameters)
}
