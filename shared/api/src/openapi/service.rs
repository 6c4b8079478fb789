//! What the service says of itself.

use serde_json::{Value, json};

use super::operation::{Operation, Table};
use crate::problem::Code;
use crate::{schema, service};

const TABLE: Table = Table { tag: "service" };
/// Headers of what may be kept, and is asked for again by its version.
const KEPT: [&str; 2] = ["Cache-Control", "ETag"];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        TABLE.operation(&service::ROOT, "serviceRoot", "Where to go on").answers("Links."),
        TABLE.operation(&service::HEALTH, "serviceHealth", "Health")
            .says("Whether the database, the queues and the storage answer.")
            .answers("Every part answers.")
            .answers("A part does not answer."),
        TABLE.operation(&service::JWKS, "serviceJwks", "Public keys")
            .says("The keys that verify access tokens, as a JSON Web Key Set (RFC 7517).")
            .answers_text("The keys.", "application/json", |_| key_set())
            .with(vec!["Cache-Control"]),
        TABLE.operation(&service::METRICS, "serviceMetrics", "Counters")
            .says("Sums over all wallets, as the last finished check of the books left them, for Prometheus.")
            .answers_text("The counters.", "text/plain", |_| text()),
        TABLE.operation(&service::OPENAPI, "serviceOpenapi", "This document")
            .heeds::<schema::EntityTag>("If-None-Match", "The `ETag` of what you have.")
            .answers_text("This document.", "application/json", |_| document())
            .with(KEPT.to_vec())
            .answers("What you have is what there is.")
            .with(KEPT.to_vec()),
        TABLE.operation(&service::DOCS, "serviceDocs", "The page that shows this document")
        .answers_text("The page.", "text/html", |_| text())
        .with(vec!["Cache-Control"]),
        TABLE.operation(&service::DOCS, "serviceDocsAsset", "A part of that page")
            .at("/docs/{asset}")
        .names::<schema::Asset>("asset", "The file's name.")
        .answers_text("A style sheet.", "text/css", |_| text())
        .answers_text("A script.", "text/javascript", |_| text())
        .answers_text("A licence.", "text/plain", |_| text())
        .answers_text("An icon.", "image/svg+xml", |_| text())
        .with(vec!["Cache-Control"])
        .refuses(&[Code::NotFound]),
    ]
}

fn text() -> Value {
    json!({"type": "string"})
}

fn document() -> Value {
    let info = json!({"title": "Velro", "version": env!("CARGO_PKG_VERSION")});
    json!({
        "type": "object",
        "required": ["openapi", "info", "paths", "components"],
        "properties": {"openapi": {"type": "string"}},
        "examples": [{"openapi": "3.1.0", "info": info, "paths": {}, "components": {}}],
    })
}

fn key_set() -> Value {
    let text = |example: &str| json!({"type": "string", "examples": [example]});
    let key = json!({
        "type": "object",
        "required": ["kty", "crv", "x", "kid"],
        "properties": {
            "kty": {"const": "OKP"},
            "crv": {"const": "Ed25519"},
            "x": text("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kid": text("2026-01"),
            "use": {"const": "sig"},
            "alg": {"const": "EdDSA"},
        },
    });
    json!({
        "type": "object",
        "required": ["keys"],
        "properties": {"keys": {"type": "array", "items": key}},
    })
}
