//! What the service says of itself.

use serde_json::{Value, json};

use super::operation::{Operation, Table, Who};
use crate::problem::Code;
use crate::schema;
use crate::service::{Health, Root};

const TABLE: Table = Table { tag: "service" };
/// Headers of what may be kept, and is asked for again by its version.
const KEPT: [&str; 2] = ["Cache-Control", "ETag"];

pub(super) fn operations() -> Vec<Operation> {
    let get = |path, id, summary| TABLE.operation(Who::Public, path, id, summary);
    vec![
        get("GET /", "serviceRoot", "Where to go on").answers::<Root>(200, "Links."),
        get("GET /health", "serviceHealth", "Health")
            .says("Whether the database, the queues and the storage answer.")
            .answers::<Health>(200, "Every part answers.")
            .answers::<Health>(503, "A part does not answer."),
        get("GET /.well-known/jwks.json", "serviceJwks", "Public keys")
            .says("The keys that verify access tokens, as a JSON Web Key Set (RFC 7517).")
            .answers_schema(200, "The keys.", "application/json", |_| key_set())
            .with(vec!["Cache-Control"]),
        TABLE
            .operation(Who::Admin, "GET /metrics", "serviceMetrics", "Counters")
            .says("Sums over all wallets, as the last finished check of the books left them, for Prometheus.")
            .answers_schema(200, "The counters.", "text/plain", |_| text()),
        get("GET /openapi.json", "serviceOpenapi", "This document")
            .heeds::<schema::EntityTag>("If-None-Match", "The `ETag` of what you have.")
            .answers_schema(200, "This document.", "application/json", |_| document())
            .with(KEPT.to_vec())
            .answers_nothing(304, "What you have is what there is.")
            .with(KEPT.to_vec()),
        get(
            "GET /docs",
            "serviceDocs",
            "The page that shows this document",
        )
        .answers_schema(200, "The page.", "text/html", |_| text())
        .with(vec!["Cache-Control"]),
        get(
            "GET /docs/{asset}",
            "serviceDocsAsset",
            "A part of that page",
        )
        .names::<schema::Asset>("asset", "The file's name.")
        .answers_schema(200, "A style sheet.", "text/css", |_| text())
        .answers_schema(200, "A script.", "text/javascript", |_| text())
        .answers_schema(200, "A licence.", "text/plain", |_| text())
        .answers_schema(200, "An icon.", "image/svg+xml", |_| text())
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
