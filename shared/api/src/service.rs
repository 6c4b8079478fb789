//! What the service says of itself.

use domain::callers::{Admin, Everybody};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::{Either, Empty, Endpoint, Json, Text};
use crate::schema;

/// What this is, and where to go on.
pub const ROOT: Endpoint<Everybody, Root> = Endpoint::public("GET /");
/// Whether the database, the queues, the storage and the provider work; 503 if one does not.
pub const HEALTH: Endpoint<Everybody, Either<Health, Json<503, Health>>> =
    Endpoint::public("GET /health");
/// The public keys that verify access tokens.
pub const JWKS: Endpoint<Everybody, Text> = Endpoint::public("GET /.well-known/jwks.json");
/// The platform's counters, for Prometheus. Admins only.
pub const METRICS: Endpoint<Admin, Text> = Endpoint::admin("GET /metrics");
/// What every operation takes and answers.
pub const OPENAPI: Endpoint<Everybody, Either<Text, Empty<304>>> =
    Endpoint::public("GET /openapi.json");
/// A page that shows the OpenAPI document and tries its operations. All of it is in this binary.
pub const DOCS: Endpoint<Everybody, Text> = Endpoint::public("GET /docs").also("/docs/{asset}");

/// This build's version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// `ok`, or `degraded` if a part does not answer.
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
    /// The provider: `down` while it fails everybody, and new orders are refused.
    #[schemars(with = "schema::Part")]
    pub provider: String,
}

impl Health {
    /// What is said when these parts answer, or do not.
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
    /// The stage.
    #[schemars(example = &"v1")]
    pub stage: String,
    /// Where to go on.
    pub links: Links,
}

/// Where to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// For people.
    #[schemars(example = &"https://api.example.org/v1/docs")]
    pub docs: String,
    /// For programs.
    #[schemars(example = &"https://api.example.org/v1/openapi.json")]
    pub openapi: String,
    /// For monitors.
    #[schemars(example = &"https://api.example.org/v1/health")]
    pub health: String,
    /// The catalogue.
    #[schemars(example = &"https://api.example.org/v1/models")]
    pub models: String,
}

impl Root {
    /// The links under `base_url`.
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
