//! Reconciliation: the requests of operators, and the report for admins.

use domain::callers::Admin;
use domain::reconciliation::{CheckedFrom, Finding, Run, RunRequest};
use domain::{FieldCode, Refusal};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codes::Code;
use crate::endpoint::Endpoint;
use crate::operation::{Operation, tags};
use crate::schema;
use crate::time;

/// The findings of the last run through everybody's books.
pub const LAST: Endpoint<Admin, RunView> = Endpoint::admin("GET /admin/reconciliation");

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    vec![
        tags::ADMIN
            .operation(&LAST, "adminReconciliation", "The last check of the books")
            .answers("The last run; all null and zero before the first.")
            .refuses(&[Code::ValidationFailed]),
    ]
}

/// `GET /admin/reconciliation`: the last run, finished or not; all null and zero before the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Reconciliation")]
pub struct RunView {
    /// `beginning` or `checkpoints`.
    #[schemars(extend("enum" = ["beginning", "checkpoints", null]))]
    pub from: Option<String>,
    /// The time at which it began.
    #[schemars(with = "Option<schema::Time>")]
    pub started_at: Option<String>,
    /// The time at which it ended; null while it goes on.
    #[schemars(with = "Option<schema::Time>")]
    pub finished_at: Option<String>,
    /// The number of wallets that it has checked.
    #[schemars(with = "schema::Count")]
    pub wallets: u64,
    /// The number of ledger entries that it has read.
    #[schemars(with = "schema::Count")]
    pub entries: u64,
    /// The number of audit records that it has read.
    #[schemars(with = "schema::Count")]
    pub records: u64,
    /// The number of findings.
    #[schemars(with = "schema::Count")]
    pub broken_count: u64,
    /// The first of them, at most 100.
    pub broken: Vec<FindingView>,
}

/// Something that is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub struct FindingView {
    /// The owner of the books: the id of a user or a team, or `platform`.
    #[schemars(example = &"usr_01KG9QZ3M4T5V6W7X8Y9Z0ABCD")]
    pub chain: String,
    /// `ledger` or `audit_log`.
    #[schemars(extend("enum" = ["ledger", "audit_log"]))]
    pub part: String,
    /// The kind of finding.
    #[schemars(with = "schema::BookTrouble")]
    pub trouble: String,
    /// The last entry or record before the finding. All is in order up to this one.
    #[schemars(with = "schema::Count")]
    pub sequence: u64,
}

impl From<&Option<Run>> for RunView {
    fn from(run: &Option<Run>) -> Self {
        let Some(run) = run else {
            return Self::default();
        };
        Self {
            from: Some(run.scope.as_str().to_owned()),
            started_at: Some(time::format(run.started_at)),
            finished_at: run.finished_at.map(time::format),
            wallets: run.wallets,
            entries: run.entries,
            records: run.records,
            broken_count: run.broken,
            broken: run.findings.iter().map(FindingView::from).collect(),
        }
    }
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        Self {
            chain: finding.chain.clone(),
            part: finding.part.as_str().to_owned(),
            trouble: finding.trouble.as_str().to_owned(),
            sequence: finding.sequence,
        }
    }
}

/// Reads the payload of an invocation: `from` (`beginning` or `checkpoints`) begins a new run,
/// `wallets_max` ends the invocation early. The event of a schedule has neither.
///
/// # Errors
/// [`Refusal::Invalid`] naming the field that is wrong.
pub fn check_asked(payload: &Value) -> Result<RunRequest, Refusal> {
    let refuse = |field: &str, expected: &str| {
        Refusal::field(field, FieldCode::NotAllowed, format!("must be {expected}"))
    };
    let from = payload.get("from").map(|from| {
        let scope = from.as_str().and_then(CheckedFrom::parse);
        scope.ok_or_else(|| refuse("from", "beginning or checkpoints"))
    });
    let wallets_max = payload.get("wallets_max").map(|most| {
        let most = most.as_u64().filter(|most| *most > 0);
        most.ok_or_else(|| refuse("wallets_max", "a whole number above zero"))
    });
    Ok(RunRequest {
        from: from.transpose()?,
        wallets_max: wallets_max.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schedule_asks_for_nothing_and_a_mistyped_wish_is_refused() {
        assert_eq!(
            check_asked(&json!({"detail": "{}"})),
            Ok(RunRequest::default())
        );
        let whole = check_asked(&json!({"from": "beginning"})).map(|asked| asked.from);
        assert_eq!(whole, Ok(Some(CheckedFrom::Beginning)));
        for payload in [
            json!({"from": "the start"}),
            json!({"from": null}),
            json!({"wallets_max": 0}),
        ] {
            assert!(check_asked(&payload).is_err(), "{payload}");
        }
    }
}
