//! Webhook endpoints, as clients send and see them.

use std::collections::BTreeSet;

use domain::accounts::Scope;
use domain::callers::{Caller, Person};
use domain::events::EventKind;
use domain::ids::{TeamId, Tenant};
use domain::labels::Description;
use domain::webhook_endpoints::{EndpointChange, EndpointDetails, EndpointStatus, WebhookEndpoint};
use domain::{FieldCode, FieldError, Patch, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::body::{Problems, patch};
use crate::codes::Code;
use crate::endpoint::{Accepted, Created, Endpoint, Nothing};
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;
use crate::time;
use crate::webhook_deliveries::DeliveryView;

/// The caller's webhook endpoints, or those of a team, newest first.
pub const LIST: Endpoint<Caller, List<WebhookEndpointView>> =
    Endpoint::user("GET /webhook-endpoints", Scope::Read);
/// Makes a webhook endpoint. Its secret is shown only in this answer.
pub const CREATE: Endpoint<Caller, Created<WebhookEndpointView>, CreateWebhookEndpoint> =
    Endpoint::user("POST /webhook-endpoints", Scope::Generate);
/// One webhook endpoint.
pub const GET: Endpoint<Caller, WebhookEndpointView> =
    Endpoint::user("GET /webhook-endpoints/{webhook_endpoint_id}", Scope::Read);
/// Changes a webhook endpoint.
pub const UPDATE: Endpoint<Caller, WebhookEndpointView, UpdateWebhookEndpoint> = Endpoint::user(
    "PATCH /webhook-endpoints/{webhook_endpoint_id}",
    Scope::Generate,
);
/// Deletes a webhook endpoint and its deliveries.
pub const DELETE: Endpoint<Caller, Nothing> = Endpoint::user(
    "DELETE /webhook-endpoints/{webhook_endpoint_id}",
    Scope::Generate,
);
/// Gives a webhook endpoint a new secret, which is shown only in this answer.
pub const ROTATE: Endpoint<Caller, WebhookEndpointView> = Endpoint::user(
    "POST /webhook-endpoints/{webhook_endpoint_id}/rotate-secret",
    Scope::Generate,
);
/// Sends a test event to a webhook endpoint.
pub const TEST: Endpoint<Caller, Accepted<DeliveryView>> = Endpoint::user(
    "POST /webhook-endpoints/{webhook_endpoint_id}/test",
    Scope::Generate,
);

/// Gives the caller a new secret that signs the events for `webhook_url`s. It is shown only in this answer.
pub const MAKE_SECRET: Endpoint<Person, WebhookSecretView> =
    Endpoint::person("POST /me/webhook-secret");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let one = |operation: Operation| {
        let what = "The endpoint.";
        operation.names::<schema::WebhookEndpointId>("webhook_endpoint_id", what)
    };
    let tag = tags::WEBHOOK_ENDPOINTS;
    vec![
        tag.operation(&LIST, "webhooksEndpointsList", "Your webhook endpoints")
            .asks::<schema::TeamId>("team_id", "Those of a team that you manage, instead of your own.")
            .pages()
            .answers("A page, newest first.")
            .refuses(&[Code::NotFound]),
        tag.operation(&CREATE, "webhooksEndpointsCreate", "Make a webhook endpoint")
            .says(
                "Events are sent there by POST, signed after Standard Webhooks: verify `webhook-signature` with `secret`, \
                 which is shown only in this answer, by any of its libraries. An answer of 2xx within 15 seconds is success; redirects \
                 are not followed. Otherwise the event is sent again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, or \
                 later if the answer's `Retry-After` says so, with the same `webhook-id`. 410 disables the endpoint, and so \
                 do five days without success. With `team_id` it gets the events of the team, whose owner and admins \
                 manage it.",
            )
            .answers("The endpoint, with its secret.")
            .refuses(&[Code::NotFound, Code::Conflict]),
        one(tag.operation(&GET, "webhooksEndpointsGet", "One webhook endpoint")).answers("The endpoint."),
        one(tag.operation(&UPDATE, "webhooksEndpointsUpdate", "Change a webhook endpoint"))
            .says("A field that is not there keeps its value; null removes a description. Enabling it begins its five days anew.")
            .answers("The endpoint as it is now."),
        one(tag.operation(&DELETE, "webhooksEndpointsDelete", "Delete a webhook endpoint"))
            .says("It gets no more events.")
            .answers("It is gone."),
        one(tag.operation(&ROTATE, "webhooksEndpointsRotate", "Make a new secret"))
            .says("It is shown only in this answer. For 24 hours the previous secret signs, too.")
            .answers("The endpoint, with its new secret."),
        one(tag.operation(&TEST, "webhooksEndpointsTest", "Send a test event"))
            .says("The event is `webhook.test`. The list of deliveries shows its outcome.")
            .answers("The delivery, which is under way.")
            .refuses(&[Code::Conflict]),
        tag.operation(&MAKE_SECRET, "accountsWebhookSecret", "Make your own secret")
            .says(
                "It signs the events for the `webhook_url` of a generation, and is shown only in this answer. For 24 hours \
                 the previous secret signs, too.",
            )
            .answers("The secret."),
    ]
}

/// A user's own secret.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookSecret")]
pub struct WebhookSecretView {
    /// Always `webhook_secret`.
    #[schemars(extend("const" = "webhook_secret"))]
    pub object: String,
    /// The secret that signs the events for a `webhook_url`.
    #[schemars(with = "schema::WebhookSecret")]
    pub secret: String,
}

impl WebhookSecretView {
    /// Returns the answer that shows the secret, once.
    #[must_use]
    pub fn new(secret: String) -> Self {
        Self {
            object: "webhook_secret".to_owned(),
            secret,
        }
    }
}

/// The query of `GET /webhook-endpoints`.
#[derive(Debug)]
pub struct WantedEndpoints {
    /// The team whose endpoints are wanted.
    pub team: Option<TeamId>,
    /// Where the page starts.
    pub cursor: Option<String>,
    /// The greatest length of the page.
    pub limit: u32,
}

/// Reads the query of `GET /webhook-endpoints`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is wrong, [`Refusal::NoSuch`] for a malformed id.
pub fn check_query(mut query: Query) -> Result<WantedEndpoints, Refusal> {
    let team = query.text("team_id");
    let page = (query.text("cursor"), query.limit());
    let (cursor, limit) = query.finish(page)?;
    Ok(WantedEndpoints {
        team: team.as_deref().map(team_called).transpose()?,
        cursor,
        limit,
    })
}

/// `POST /webhook-endpoints`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CreateWebhookEndpoint {
    /// The address that events are sent to: https, on the public internet.
    #[schemars(with = "schema::WebhookUrl")]
    pub url: Option<String>,
    /// The kinds of events that it gets.
    #[schemars(with = "schema::WebhookEvents")]
    pub events: Option<Vec<String>>,
    /// Its purpose.
    #[schemars(with = "Option<schema::Description>")]
    pub description: Option<String>,
    /// The team that will own it; you own it if not given.
    #[schemars(with = "Option<schema::TeamId>")]
    pub team_id: Option<String>,
}

impl CreateWebhookEndpoint {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong, [`Refusal::NoSuch`] for a malformed id.
    pub fn check(self) -> Result<(EndpointDetails, Option<TeamId>), Refusal> {
        let mut problems = Problems::default();
        let url = problems.required("url", self.url);
        let events = problems.required("events", self.events);
        let events = events.and_then(|names| check_events(&names, &mut problems));
        let description = self
            .description
            .and_then(|text| problems.valid(Description::parse(&text)));
        let team = self.team_id;
        let details = url.zip(events).map(|(url, events)| EndpointDetails {
            url,
            events,
            description,
        });
        let details = problems.or(details)?;
        let team = team.as_deref().map(team_called).transpose()?;
        Ok((details, team))
    }
}

/// `PATCH /webhook-endpoints/{id}`: a field that is not there keeps its value; null removes a description.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UpdateWebhookEndpoint {
    /// The address that events are sent to.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::WebhookUrl")]
    pub url: Patch<String>,
    /// All kinds of events that it gets. They replace those that it has.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::WebhookEvents")]
    pub events: Patch<Vec<String>>,
    /// Its purpose.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "Option<schema::Description>")]
    pub description: Patch<String>,
    /// `enabled` or `disabled`.
    #[serde(default, deserialize_with = "patch")]
    #[schemars(with = "schema::WebhookStatus")]
    pub status: Patch<String>,
}

impl UpdateWebhookEndpoint {
    /// Checks the fields and returns them as domain types.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] naming each field that is wrong.
    pub fn check(self) -> Result<EndpointChange, Refusal> {
        let mut problems = Problems::default();
        let url = problems.given("url", self.url);
        let events = problems.given("events", self.events);
        let events = events.and_then(|names| check_events(&names, &mut problems));
        let description = problems.patch(self.description, |text| Description::parse(&text));
        let status = problems.given("status", self.status);
        let enabled = status.and_then(|status| problems.valid(is_enabled(&status)));
        problems.or(Some(EndpointChange {
            url,
            events,
            description,
            enabled,
        }))
    }
}

fn check_events(names: &[String], problems: &mut Problems) -> Option<BTreeSet<EventKind>> {
    let mut events = BTreeSet::new();
    for (n, name) in names.iter().enumerate().take(EventKind::ALL.len() + 1) {
        let field = format!("events[{n}]");
        let kind = EventKind::ALL.into_iter().find(|it| it.as_str() == name);
        match kind {
            Some(kind) if events.insert(kind) => {}
            Some(_) => problems.add(field, FieldCode::NotAllowed, "is there twice"),
            None => {
                let all = EventKind::ALL.map(EventKind::as_str).join(", ");
                problems.add(
                    field,
                    FieldCode::NotAllowed,
                    format!("must be one of {all}"),
                );
            }
        }
    }
    if names.is_empty() {
        problems.add("events", FieldCode::TooShort, "must name at least one");
    }
    Some(events)
}

fn is_enabled(text: &str) -> Result<bool, FieldError> {
    match text {
        "enabled" => Ok(true),
        "disabled" => Ok(false),
        _ => {
            let message = "must be enabled or disabled";
            Err(FieldError::new("status", FieldCode::NotAllowed, message))
        }
    }
}

/// Parses the team that a request names in `team_id`. A malformed id is reported like an unknown one.
pub(crate) fn team_called(text: &str) -> Result<TeamId, Refusal> {
    let (field, noun) = ("team_id", "team");
    TeamId::parse(text).ok_or(Refusal::NoSuch { field, noun })
}

/// A webhook endpoint, as users who manage it see it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookEndpoint")]
pub struct WebhookEndpointView {
    /// `whe_…`.
    #[schemars(with = "schema::WebhookEndpointId")]
    pub id: String,
    /// Always `webhook_endpoint`.
    #[schemars(extend("const" = "webhook_endpoint"))]
    pub object: String,
    /// The address that events are sent to.
    #[schemars(with = "schema::WebhookUrl")]
    pub url: String,
    /// The kinds of events that it gets.
    #[schemars(with = "schema::WebhookEvents")]
    pub events: Vec<String>,
    /// Its purpose.
    #[schemars(with = "Option<schema::Description>")]
    pub description: Option<String>,
    /// The team that owns it; null if a user owns it.
    #[schemars(with = "Option<schema::TeamId>")]
    pub team_id: Option<String>,
    /// `enabled` or `disabled`.
    #[schemars(with = "schema::WebhookStatus")]
    pub status: String,
    /// The reason why it is disabled: `asked` (a user who manages it disabled it), `gone` (it answered 410)
    /// or `failing` (for five days).
    #[schemars(with = "Option<schema::DisabledBecause>")]
    pub disabled_because: Option<String>,
    /// The time since which no event could be delivered; null if the last one could.
    #[schemars(with = "Option<schema::Time>")]
    pub failing_since: Option<String>,
    /// The time at which the endpoint was made.
    #[schemars(with = "schema::Time")]
    pub created_at: String,
    /// The time of the endpoint's last change.
    #[schemars(with = "schema::Time")]
    pub updated_at: String,
    /// The secret that signs its events. Only the answers that make a secret have this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::WebhookSecret")]
    pub secret: Option<String>,
}

impl From<&WebhookEndpoint> for WebhookEndpointView {
    fn from(endpoint: &WebhookEndpoint) -> Self {
        let details = &endpoint.details;
        let events = details.events.iter();
        let description = details.description.as_ref();
        let (status, because) = match endpoint.status {
            EndpointStatus::Enabled => ("enabled", None),
            EndpointStatus::Disabled(why) => ("disabled", Some(why.as_str())),
            EndpointStatus::Deleted => ("disabled", None),
        };
        Self {
            id: endpoint.id.to_string(),
            object: "webhook_endpoint".to_owned(),
            url: details.url.clone(),
            events: events.map(|kind| kind.as_str().to_owned()).collect(),
            description: description.map(|text| text.as_str().to_owned()),
            team_id: match &endpoint.tenant {
                Tenant::User(_) => None,
                Tenant::Team(team) => Some(team.to_string()),
            },
            status: status.to_owned(),
            disabled_because: because.map(str::to_owned),
            failing_since: endpoint.failing_since.map(time::format),
            created_at: time::format(endpoint.created_at),
            updated_at: time::format(endpoint.updated_at),
            secret: None,
        }
    }
}

impl WebhookEndpointView {
    /// Returns the answer that shows the secret, once.
    #[must_use]
    pub fn with_secret(endpoint: &WebhookEndpoint, secret: String) -> Self {
        Self {
            secret: Some(secret),
            ..Self::from(endpoint)
        }
    }
}
