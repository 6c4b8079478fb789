//! The audit log as admins see it.

use domain::audit::{AuditRecord, Chain};
use domain::callers::Admin;
use domain::ids::{TeamId, Tenant, UserId};
use domain::{FieldCode, FieldError, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::list::List;
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;
use crate::time;

/// The audit log of an account, of a team, or of the platform, newest first.
pub const LIST: Endpoint<Admin, List<RecordView>> = Endpoint::admin("GET /admin/audit");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ADMIN
            .operation(&LIST, "adminAudit", "The audit log")
            .asks::<schema::UserId>(
                "user_id",
                "The user whose log to read. Without it and `team_id` it is the platform's log.",
            )
            .asks::<schema::TeamId>(
                "team_id",
                "The team whose log to read. It cannot be given together with `user_id`.",
            )
            .pages()
            .answers("A page, newest first."),
    ]
}

/// A line of `GET /admin/audit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AuditRecord")]
pub struct RecordView {
    /// Its place in the log, from 1, without gaps.
    #[schemars(with = "schema::Count")]
    pub sequence: u64,
    /// The time of the act.
    #[schemars(with = "schema::Time")]
    pub at: String,
    /// The user who did it, or `system`.
    #[schemars(with = "schema::Actor")]
    pub actor: String,
    /// The act.
    #[schemars(with = "schema::AuditedAct")]
    pub act: String,
    /// The object of the act: an id or a code; for a model, also its terms from then on.
    #[schemars(example = &"key_01KG9QZ3M4T5V6W7X8Y9Z0ABCD")]
    pub subject: String,
}

impl From<&AuditRecord> for RecordView {
    fn from(record: &AuditRecord) -> Self {
        Self {
            sequence: record.sequence,
            at: time::format(record.at),
            actor: record.deed.actor.to_string(),
            act: record.deed.act.as_str().to_owned(),
            subject: record.deed.subject.clone(),
        }
    }
}

/// Reads the query of `GET /admin/audit`: `user_id` or `team_id` (without both, it is the platform's log),
/// `cursor` and `limit`.
///
/// # Errors
/// [`Refusal::Invalid`] naming each parameter that is wrong.
pub fn check_query(mut query: Query) -> Result<(Chain, Option<String>, u32), Refusal> {
    let user = query.value("user_id", "a user's id", UserId::parse);
    let team = query.value("team_id", "a team's id", TeamId::parse);
    let chain = match (user, team) {
        (Some(user), None) => Chain::of(&user),
        (None, Some(team)) => Chain::Tenant(Tenant::from(&team)),
        (None, None) => Chain::Platform,
        (Some(_), Some(_)) => {
            let message = "must not be given with user_id";
            query.problem(FieldError::new("team_id", FieldCode::NotAllowed, message));
            Chain::Platform
        }
    };
    let checked = (chain, query.text("cursor"), query.limit());
    query.finish(checked)
}
