//! The OpenAPI 3.1 document. It describes what every operation reads and answers, from the types that the
//! functions read and write.
//!
//! Owns the way from the operations, which are declared next to the endpoints, to the document. Refuses to
//! repeat facts of the types: fields, limits, codes and examples come from them.

mod example;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::operation::answers::{self, Answers};
use crate::operation::schemas::Schemas;
use crate::operation::{Operation, tags};
use crate::problem::Problem;
use crate::{
    accounts, admin, alerts, api_keys, audit, credits, emails, exports, files, generations, grants,
    invitations, media, members, models, passwords, projects, promos, purchases, quotes,
    reconciliation, service, sessions, styles, teams, transfers, webhook_deliveries,
    webhook_endpoints, webhooks,
};

/// The description of the whole API. The rules that hold for every operation are here and nowhere else.
const ABOUT: &str = include_str!("openapi/about.md");
/// The paths on which HEAD is answered like GET, without a body. The document does not describe HEAD
/// further: all else follows from the GET.
pub const HEADS: [&str; 6] = [
    "/",
    "/docs",
    "/health",
    "/media/{generation_id}/{name}",
    "/models",
    "/openapi.json",
];

/// Returns every operation but the preflights, which the gateway answers.
#[must_use]
pub fn operations() -> Vec<Operation> {
    [
        service::operations(),
        accounts::operations(),
        sessions::operations(),
        emails::operations(),
        passwords::operations(),
        api_keys::operations(),
        models::operations(),
        quotes::operations(),
        generations::operations(),
        media::operations(),
        styles::operations(),
        credits::operations(),
        exports::operations(),
        promos::operations(),
        purchases::operations(),
        projects::operations(),
        grants::operations(),
        teams::operations(),
        members::operations(),
        invitations::operations(),
        transfers::operations(),
        files::operations(),
        admin::operations(),
        alerts::operations(),
        admin::accounts::operations(),
        audit::operations(),
        reconciliation::operations(),
        webhook_endpoints::operations(),
        webhook_deliveries::operations(),
        webhooks::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The document as it is served.
#[derive(Clone)]
pub struct Served {
    /// The document, as JSON.
    pub text: String,
    /// The tag that identifies this version of it.
    pub etag: String,
}

/// Returns [`document`] as text. A process serves one address, so it writes the document only once.
#[must_use]
pub fn served(base_url: &str) -> Served {
    static FIRST: OnceLock<(String, Served)> = OnceLock::new();
    let (known, served) = FIRST.get_or_init(|| (base_url.to_owned(), write(base_url)));
    if known == base_url {
        served.clone()
    } else {
        write(base_url)
    }
}

fn write(base_url: &str) -> Served {
    let text = document(base_url).to_string();
    let digest = hex::encode(Sha256::digest(&text));
    let etag = format!("\"{}\"", &digest[..32]);
    Served { text, etag }
}

/// Builds the document of the API at `base_url`, such as `https://api.example.org/v1`.
#[must_use]
pub fn document(base_url: &str) -> Value {
    let mut schemas = Schemas::new();
    let mut answers = Answers::default();
    schemas.written.subschema_for::<Problem>();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in operations() {
        let described = operation.describe(&mut schemas, &mut answers);
        let path = paths.entry(operation.path).or_default();
        path.insert(operation.method.to_lowercase(), described);
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Velro",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "AI image and video generation with prepaid credits.",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "tags": tags::ALL.map(|table| json!({"name": table.tag, "description": table.about})),
        "paths": paths,
        "components": {
            "schemas": schemas.finish(),
            "responses": answers.problems,
            "headers": answers::headers(),
            "securitySchemes": {
                "accessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The `access_token` from the answer to signing in.",
                },
                "apiKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "vk_…",
                    "description": "A personal API key with the scope that the operation needs.",
                },
            },
        },
    });
    example::fill_in(&mut document);
    document
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::codes::Code;

    /// The codes that the contract names, each with its status.
    const CONTRACT: [(&str, u16); 23] = [
        ("malformed_json", 400),
        ("bad_request", 400),
        ("invalid_cursor", 400),
        ("unauthorized", 401),
        ("out_of_credits", 402),
        ("member_cap_reached", 402),
        ("key_cap_reached", 402),
        ("forbidden", 403),
        ("not_found", 404),
        ("method_not_allowed", 405),
        ("conflict", 409),
        ("too_late", 409),
        ("idempotency_in_progress", 409),
        ("price_changed", 409),
        ("payload_too_large", 413),
        ("unsupported_media_type", 415),
        ("validation_failed", 422),
        ("idempotency_mismatch", 422),
        ("concurrency_limit", 429),
        ("rate_limited", 429),
        ("quota_exceeded", 429),
        ("internal", 500),
        ("provider_unavailable", 503),
    ];
    /// The codes that no operation answers, with the reason.
    const NOT_ANSWERED: [(&str, &str); 2] = [
        (
            "method_not_allowed",
            "API Gateway does not tell a method that a path lacks from a path that there is not: both are 404",
        ),
        (
            "idempotency_in_progress",
            "a key is recorded in the transaction of what it was sent for: it is never half used",
        ),
    ];

    #[test]
    fn the_codes_that_are_answered_are_those_of_the_contract_in_both_directions() {
        let known: BTreeSet<_> = Code::ALL
            .iter()
            .map(|code| (code.as_str(), code.status()))
            .collect();
        let mut expected: BTreeSet<_> = CONTRACT.into();
        expected.retain(|(code, _)| !NOT_ANSWERED.iter().any(|(other, _)| other == code));
        assert_eq!(known, expected);

        let operations = operations();
        for code in Code::ALL {
            let answered = operations
                .iter()
                .any(|operation| operation.codes().contains(&code));
            assert!(answered, "no operation answers {}", code.as_str());
        }
    }
}
