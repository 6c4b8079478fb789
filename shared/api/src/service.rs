//! The service itself: its links, health, keys and document.

use domain::callers::{Admin, Everybody};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::codes::Code;
use crate::endpoint::{Either, Empty, Endpoint, Json, Text};
use crate::operation::{Operation, tags};
use crate::schema;

/// The service's name and version, and links.
pub const ROOT: Endpoint<Everybody, Root> = Endpoint::public("GET /");
/// Whether the database, the queues, the storage and the provider work; 503 if one does not.
pub const HEALTH: Endpoint<Everybody, Either<Health, Json<503, Health>>> =
    Endpoint::public("GET /health");
/// The public keys that verify access tokens.
pub const JWKS: Endpoint<Everybody, Text> = Endpoint::public("GET /.well-known/jwks.json");
/// The platform's counters, for Prometheus. Admins only.
pub const METRICS: Endpoint<Admin, Text> = Endpoint::admin("GET /metrics");
/// The OpenAPI document.
pub const OPENAPI: Endpoint<Everybody, Either<Text, Empty<304>>> =
    Endpoint::public("GET /openapi.json");
/// A page that shows the OpenAPI document and tries its operations. All of it is in this binary.
pub const DOCS: Endpoint<Everybody, Text> = Endpoint::public("GET /docs").also("/docs/{asset}");

/// Headers of answers that may be cached and revalidated by their version.
const CACHED: [&str; 2] = ["Cache-Control", "ETag"];

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::SERVICE.operation(&ROOT, "serviceRoot", "The service and its links").answers("Links."),
        tags::SERVICE.operation(&HEALTH, "serviceHealth", "Health")
            .says("Whether the database, the queues, the storage and the provider work.")
            .answers("Every part works.")
            .answers("A part does not work."),
        tags::SERVICE.operation(&JWKS, "serviceJwks", "Public keys")
            .says("The keys that verify access tokens, as a JSON Web Key Set (RFC 7517).")
            .answers_text("The keys.", "application/json", |_| key_set())
            .with(vec!["Cache-Control"]),
        tags::SERVICE.operation(&METRICS, "serviceMetrics", "Counters")
            .says("Sums over all wallets, as the last finished check of the books left them, for Prometheus.")
            .answers_text("The counters.", "text/plain", |_| text()),
        tags::SERVICE.operation(&OPENAPI, "serviceOpenapi", "This document")
            .heeds::<schema::EntityTag>("If-None-Match", "The `ETag` of your version.")
            .answers_text("This document.", "application/json", |_| document())
            .with(CACHED.to_vec())
            .answers("Your version is the current one.")
            .with(CACHED.to_vec()),
        tags::SERVICE.operation(&DOCS, "serviceDocs", "The page that shows this document")
        .answers_text("The page.", "text/html", |_| text())
        .with(vec!["Cache-Control"]),
        tags::SERVICE.operation(&DOCS, "serviceDocsAsset", "A part of that page")
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

/// This build's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok`, or `degraded` if a part does not work.
    #[schemars(extend("enum" = ["ok", "degraded"]))]
    pub status: String,
    /// This build's version.
    #[schemars(example = &"1.0.0")]
    pub version: String,
    /// Each part: `ok` or `down`.
    pub checks: Checks,
}

/// The parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Checks {
    /// DynamoDB.
    #[schemars(with = "schema::Part")]
    pub database: String,
    /// SQS.
    #[schemars(with = "schema::Part")]
    pub queue: String,
    /// S3.
    #[schemars(with = "schema::Part")]
    pub storage: String,
    /// The provider: `down` while it fails for everybody and new orders are refused.
    #[schemars(with = "schema::Part")]
    pub provider: String,
}

impl Health {
    /// Returns the answer for these parts: the database, the queue, the storage and the provider, in this
    /// order.
    #[must_use]
    pub fn new(checks: [bool; 4]) -> Self {
        let word = |answers: bool| if answers { "ok" } else { "down" }.to_owned();
        let all = checks.iter().all(|answers| *answers);
        let [database, queue, storage, provider] = checks;
        Self {
            status: if all { "ok" } else { "degraded" }.to_owned(),
            version: VERSION.to_owned(),
            checks: Checks {
                database: word(database),
                queue: word(queue),
                storage: word(storage),
                provider: word(provider),
            },
        }
    }
}

/// `GET /`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Root {
    /// Always `Velro`.
    #[schemars(extend("const" = "Velro"))]
    pub name: String,
    /// This build's version.
    #[schemars(example = &"1.0.0")]
    pub version: String,
    /// The stage of the deployment.
    #[schemars(example = &"v1")]
    pub stage: String,
    /// The links.
    pub links: Links,
}

/// The links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The documentation, for people.
    #[schemars(example = &"https://api.example.org/v1/docs")]
    pub docs: String,
    /// The OpenAPI document, for programs.
    #[schemars(example = &"https://api.example.org/v1/openapi.json")]
    pub openapi: String,
    /// The health check, for monitors.
    #[schemars(example = &"https://api.example.org/v1/health")]
    pub health: String,
    /// The catalogue.
    #[schemars(example = &"https://api.example.org/v1/models")]
    pub models: String,
}

impl Root {
    /// Returns the links under `base_url`.
    #[must_use]
    pub fn new(base_url: &str) -> Self {
        let link = |path: &str| format!("{base_url}/{path}");
        Self {
            name: "Velro".to_owned(),
            version: VERSION.to_owned(),
            stage: "v1".to_owned(),
            links: Links {
                docs: link("docs"),
                openapi: link("openapi.json"),
                health: link("health"),
                models: link("models"),
            },
        }
    }
}
