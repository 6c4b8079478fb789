//! Personal API keys, as clients ask for them and see them.

use domain::accounts::Scope;
use domain::api_keys::{ApiKey, Cap, CapPeriod, KeyName, KeyRequest};
use domain::callers::Person;
use domain::{Credits, FieldCode, Refusal, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::Problems;
use crate::codes::Code;
use crate::credits;
use crate::endpoint::{Created, Endpoint, Nothing};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::time;

/// The caller's personal API keys, without their secrets.
pub const LIST: Endpoint<Person, List<ApiKeyView>> = Endpoint::person("GET /me/api-keys");
/// Makes a personal API key. Its secret is shown only in this answer.
pub const CREATE: Endpoint<Person, Created<ApiKeyView>, CreateApiKey> =
    Endpoint::person("POST /me/api-keys");
/// Ends a personal API key.
pub const DELETE: Endpoint<Person, Nothing> = Endpoint::person("DELETE /me/api-keys/{key_id}");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ACCOUNTS
            .operation(&LIST, "accountsKeysList", "Your API keys")
            .pages()
            .answers("A page, newest first.")
            .refuses(&[Code::ValidationFailed]),
        tags::ACCOUNTS
            .operation(&CREATE, "accountsKeysCreate", "Make an API key")
            .says("`secret` is shown only in this answer.")
            .answers("The key, with its secret.")
            .refuses(&[Code::Conflict]),
        tags::ACCOUNTS
            .operation(&DELETE, "accountsKeysDelete", "Delete an API key")
            .names::<schema::KeyId>("key_id", "The key.")
            .answers("It is gone."),
    ]
}

/// `POST /me/api-keys`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateApiKey {
    /// The name that its owner gave it.
    #[schemars(with = "Option<schema::KeyName>")]
    pub name: Option<String>,
    /// The time at which it stops working, RFC 3339.
    #[schemars(with = "Option<schema::FutureTime>")]
    pub expires_at: Option<String>,
    /// The most credits that the key may spend.
    #[schemars(with = "Option<schema::Cap>")]
    pub credit_cap: Option<i64>,
    /// The time to which the cap applies: the key's life if not given, or each calendar month or day, UTC.
    #[schemars(with = "Option<schema::CapPeriod>")]
    pub cap_period: Option<String>,
    /// The scopes that it may be used for; `read` and `generate` if not given.
    #[schemars(with = "Option<Vec<schema::Scope>>", length(min = 1), extend("uniqueItems" = true))]
    pub scopes: Option<Vec<String>>,
}

impl CreateApiKey {
    /// Checks the fields and returns them as domain types. A key that would have expired by `now` is
    /// refused.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self, now: Timestamp) -> Result<KeyRequest, Refusal> {
        let mut problems = Problems::default();
        let name = self
            .name
            .and_then(|text| problems.valid(KeyName::parse(&text)));
        let expires_at = self
            .expires_at
            .and_then(|text| problems.valid(time::parse_future("expires_at", &text, now)));
        let cap = check_cap(self.credit_cap, self.cap_period.as_deref(), &mut problems);
        let scopes = check_scopes(self.scopes, &mut problems);
        problems.or(Some(KeyRequest {
            name,
            scopes,
            cap,
            expires_at,
        }))
    }
}

fn check_cap(credits: Option<i64>, period: Option<&str>, problems: &mut Problems) -> Option<Cap> {
    let is_given = credits.is_some();
    let credits = credits.and_then(|cap| problems.valid(credits::amount("credit_cap", cap)));
    let period = match period {
        None => CapPeriod::Lifetime,
        Some(text) => CapPeriod::parse(text).unwrap_or_else(|| {
            let message = "must be lifetime, month or day";
            problems.add("cap_period", FieldCode::NotAllowed, message);
            CapPeriod::Lifetime
        }),
    };
    if !is_given && period != CapPeriod::Lifetime {
        problems.add(
            "credit_cap",
            FieldCode::Required,
            "must be given with cap_period",
        );
    }
    credits.map(|credits| Cap { credits, period })
}

fn check_scopes(given: Option<Vec<String>>, problems: &mut Problems) -> Vec<Scope> {
    let Some(given) = given else {
        return vec![Scope::Read, Scope::Generate];
    };
    let mut scopes = Vec::new();
    for (n, text) in given.iter().enumerate().take(Scope::ALL.len() + 1) {
        let field = format!("scopes[{n}]");
        match Scope::parse(text) {
            Some(scope) if scopes.contains(&scope) => {
                problems.add(field, FieldCode::NotAllowed, "is there twice");
            }
            Some(scope) => scopes.push(scope),
            None => problems.add(
                field,
                FieldCode::NotAllowed,
                "must be read, generate or admin:team",
            ),
        }
    }
    if given.is_empty() {
        problems.add("scopes", FieldCode::TooShort, "must name at least one");
    }
    scopes
}

/// A key as its owner sees it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ApiKey")]
pub struct ApiKeyView {
    /// `key_…`.
    #[schemars(with = "schema::KeyId")]
    pub id: String,
    /// Always `api_key`.
    #[schemars(extend("const" = "api_key"))]
    pub object: String,
    /// Its name.
    #[schemars(with = "Option<schema::KeyName>")]
    pub name: Option<String>,
    /// The scopes that it may be used for.
    #[schemars(with = "Vec<schema::Scope>")]
    pub scopes: Vec<String>,
    /// The most credits that the key may spend in each `cap_period`.
    #[schemars(with = "Option<schema::Credits>")]
    pub credit_cap: Option<i64>,
    /// The time to which the cap applies: the key's life, or each calendar month or day, UTC.
    #[schemars(with = "Option<schema::CapPeriod>")]
    pub cap_period: Option<String>,
    /// The part of the cap that the key may still spend in this period.
    #[schemars(with = "Option<schema::Credits>")]
    pub credits_remaining: Option<i64>,
    /// The time at which it stops working.
    #[schemars(with = "Option<schema::Time>")]
    pub expires_at: Option<String>,
    /// The time of its last use, to within minutes.
    #[schemars(with = "Option<schema::Time>")]
    pub last_used_at: Option<String>,
    /// The time at which it was made.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The key itself. Only the answer to the request that made it has this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::KeySecret")]
    pub secret: Option<String>,
}

impl ApiKeyView {
    /// Returns the view of the key as it is `now`.
    #[must_use]
    pub fn new(key: &ApiKey, now: Timestamp) -> Self {
        let request = &key.request;
        Self {
            id: key.id.to_string(),
            object: "api_key".to_owned(),
            name: request.name.as_ref().map(|name| name.as_str().to_owned()),
            scopes: request
                .scopes
                .iter()
                .map(|scope| scope.as_str().to_owned())
                .collect(),
            credit_cap: request.cap.map(|cap| cap.credits.get()),
            cap_period: request.cap.map(|cap| cap.period.as_str().to_owned()),
            credits_remaining: key.left(now).map(Credits::get),
            expires_at: request.expires_at.map(time::format),
            last_used_at: key.last_used_at.map(time::format),
            created_at: time::format(key.created_at),
            secret: None,
        }
    }

    /// Returns the answer that shows the secret, once.
    #[must_use]
    pub fn with_secret(key: &ApiKey, secret: String) -> Self {
        Self {
            secret: Some(secret),
            ..Self::new(key, key.created_at)
        }
    }
}
