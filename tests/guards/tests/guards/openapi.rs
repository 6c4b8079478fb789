//! The OpenAPI document, the template's routes and the functions' own documentation are one set, and the
//! document is valid.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use api::endpoint::Audience;
use api::openapi;
use api::operation::Operation;
use serde_json::{Value, json};

use crate::template::{Function, Route, functions, routes, visit_keys};
use crate::workspace;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document("https://example.org/v1"));

/// The routes without preflights, which a browser asks of every path by itself, and without those that follow
/// from a GET.
fn served() -> Vec<Route<'static>> {
    let routes = routes().into_iter();
    routes.filter(|route| route.method != "HEAD").collect()
}

fn operation_of(route: &Route<'_>) -> Operation {
    let mut operations = openapi::operations().into_iter();
    let is_it = |it: &Operation| it.method == route.method && it.path == route.path;
    let found = operations.find(is_it);
    found.unwrap_or_else(|| panic!("{} {} is not described", route.method, route.path))
}

/// The routes that a text names, such as `GET /docs, GET /docs/{asset}` or `POST /x/{y}, one route for each`.
fn named(text: &str) -> Vec<(String, String)> {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];
    let parts = text.split(", ").filter_map(|part| part.split_once(' '));
    let routes = parts.filter(|(method, _)| methods.contains(method));
    routes
        .map(|(method, path)| (method.to_owned(), path.to_owned()))
        .collect()
}

/// Whether `path` names a route, with anything in place of its parameters.
fn fits(path: &str, route: &str) -> bool {
    let (named, real): (Vec<_>, Vec<_>) = (path.split('/').collect(), route.split('/').collect());
    let mut pairs = named.iter().zip(&real);
    named.len() == real.len() && pairs.all(|(named, real)| named == real || named.starts_with('{'))
}

/// The source of a function's binary.
fn source(function: &Function) -> String {
    let binary = function.binary();
    let domain = binary.split('-').next().unwrap();
    workspace::text(&format!("functions/{domain}/src/bin/{binary}.rs"))
}

/// The first line of the documentation of a function's binary.
fn first_line(function: &Function) -> String {
    let source = source(function);
    let line = source.lines().next().unwrap();
    line.strip_prefix("//! ").unwrap().to_owned()
}

#[test]
fn head_is_answered_where_it_should_be_and_by_the_function_that_answers_get() {
    let by_method = |method: &str| -> Vec<_> {
        let routes = routes().into_iter();
        let is_it =
            |route: &Route<'_>| route.method == method && openapi::HEADS.contains(&route.path);
        let mut found: Vec<_> = routes
            .filter(is_it)
            .map(|route| (route.path.to_owned(), route.function.id.to_owned()))
            .collect();
        found.sort();
        found
    };
    assert_eq!(by_method("HEAD"), by_method("GET"));
    let heads = routes().into_iter().filter(|route| route.method == "HEAD");
    assert_eq!(heads.count(), openapi::HEADS.len());
}

#[test]
fn the_document_describes_exactly_the_templates_routes() {
    let of_template = served();
    let of_template: BTreeSet<_> = of_template
        .iter()
        .map(|route| (route.method, route.path.to_owned()))
        .collect();
    let operations = openapi::operations();
    let described: BTreeSet<_> = operations
        .iter()
        .map(|operation| (operation.method, operation.path.clone()))
        .collect();
    assert_eq!(
        described.len(),
        operations.len(),
        "something is described twice"
    );
    assert_eq!(described, of_template);
}

#[test]
fn every_operation_is_named_for_its_function() {
    let mut ids = BTreeSet::new();
    for route in served() {
        let id = operation_of(&route).id;
        let function = &route.function.id;
        let small = function[..1].to_lowercase() + &function[1..];
        let of_it = routes().into_iter();
        let of_it = of_it.filter(|other| other.function.id == route.function.id);
        let others = of_it.count() > 1;
        assert!(
            id == small || (others && id.starts_with(&small)),
            "{id} is served by {function}"
        );
        assert!(ids.insert(id.clone()), "{id} names two operations");
    }
}

#[test]
fn every_function_says_which_routes_it_serves_in_the_template_and_in_its_first_line() {
    for function in functions() {
        let routes = served();
        let own: Vec<_> = routes
            .iter()
            .filter(|route| route.function.id == function.id)
            .collect();
        if own.is_empty() {
            continue;
        }
        let description = function.properties["Description"].as_str().unwrap();
        for text in [description.to_owned(), first_line(function)] {
            let named = named(&text);
            let is_named = |route: &&Route<'_>| {
                let mut named = named.iter();
                named.any(|(method, path)| method == route.method && fits(path, route.path))
            };
            let is_own = |(method, path): &(String, String)| {
                let mut own = own.iter();
                own.any(|route| method == route.method && fits(path, route.path))
            };
            assert!(own.iter().all(is_named), "{}: {text}", function.id);
            assert!(named.iter().all(is_own), "{}: {text}", function.id);
        }
    }
}

#[test]
fn the_document_says_public_exactly_where_the_gateway_does() {
    for route in served() {
        let is_public = operation_of(&route).audience == Audience::Public;
        assert_eq!(
            is_public, route.is_public,
            "{} {}",
            route.method, route.path
        );
    }
}

/// The document's description of a route.
fn described(route: &Route<'_>) -> &'static Value {
    &DOCUMENT["paths"][route.path][route.method.to_lowercase()]
}

/// The names of its parameters at this place.
fn parameters(route: &Route<'_>, place: &str) -> BTreeSet<&'static str> {
    let parameters = described(route)["parameters"]
        .as_array()
        .into_iter()
        .flatten();
    let there = parameters.filter(|parameter| parameter["in"] == place);
    there
        .map(|parameter| parameter["name"].as_str().unwrap())
        .collect()
}

#[test]
fn every_answer_that_an_endpoint_declares_is_described() {
    for operation in openapi::operations() {
        let undescribed = operation.undescribed();
        assert!(undescribed.is_empty(), "{}: {undescribed:?}", operation.id);
    }
}

#[test]
fn every_path_parameter_is_described() {
    for route in served() {
        let described = parameters(&route, "path");
        let segments = route.path.split('/');
        let named = segments.filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(
            described,
            named.collect(),
            "{} {}",
            route.method,
            route.path
        );
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let mut count = 0;
    visit_keys(&DOCUMENT, &mut |key, value| {
        if let (true, Some(reference)) = (key == "$ref", value.as_str()) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(DOCUMENT.pointer(pointer).is_some(), "{reference}");
            count += 1;
        }
    });
    assert!(count > 500, "{count}");
}

#[test]
fn every_part_of_the_document_is_used() {
    let mut used = BTreeSet::new();
    visit_keys(&DOCUMENT, &mut |key, value| {
        if let (true, Some(reference)) = (key == "$ref", value.as_str()) {
            used.insert(reference.to_owned());
        }
    });
    for part in ["schemas", "responses", "headers"] {
        for name in DOCUMENT["components"][part].as_object().unwrap().keys() {
            let reference = format!("#/components/{part}/{name}");
            assert!(used.contains(&reference), "nothing refers to {reference}");
        }
    }
}

#[test]
fn the_document_is_valid_openapi() {
    // As the OpenAPI Initiative publishes it (Apache-2.0):
    // https://spec.openapis.org/oas/3.1/schema/2022-10-07
    let meta = workspace::text("tests/guards/openapi-3.1-schema.json");
    let meta = jsonschema::validator_for(&serde_json::from_str(&meta).unwrap()).unwrap();
    let errors: Vec<_> = meta
        .iter_errors(&DOCUMENT)
        .map(|error| format!("{}: {error:.200}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        assert!(
            jsonschema::meta::is_valid(schema),
            "{name} is no JSON Schema"
        );
    }
}

#[test]
fn every_example_is_what_its_schema_says() {
    let mut count = 0;
    let mut check = |at: &str, media_type: &Value| {
        let mut schema = media_type["schema"].clone();
        schema["components"] = DOCUMENT["components"].clone();
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .unwrap();
        let named = media_type["examples"].as_object();
        let named = named.into_iter().flat_map(|named| named.values());
        let examples = named
            .map(|example| &example["value"])
            .chain(media_type.get("example"));
        for example in examples {
            let error = validator.iter_errors(example).next();
            assert!(error.is_none(), "{at}: {}: {example:#}", error.unwrap());
            count += 1;
        }
    };
    for (name, response) in DOCUMENT["components"]["responses"].as_object().unwrap() {
        check(name, &response["content"]["application/problem+json"]);
    }
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let at = format!("{method} {path}");
            let answers = operation["responses"].as_object().unwrap().values();
            let bodies = answers.chain(operation.get("requestBody"));
            for body in bodies.filter(|body| body["content"]["application/json"].is_object()) {
                check(&at, &body["content"]["application/json"]);
            }
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_body_that_is_read_refuses_fields_that_it_does_not_know() {
    for (path, operations) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let choices = schema["oneOf"].as_array().cloned();
            for choice in choices.unwrap_or_else(|| vec![schema.clone()]) {
                let Some(reference) = choice["$ref"].as_str() else {
                    // Either no body, or a body of the provider's or of Stripe's: its signature is checked,
                    // whatever it contains.
                    assert!(
                        schema.is_null() || path.starts_with("/webhooks/"),
                        "{method} {path}"
                    );
                    continue;
                };
                let body = DOCUMENT.pointer(&reference[1..]).unwrap();
                assert_eq!(body["additionalProperties"], json!(false), "{reference}");
            }
        }
    }
}
