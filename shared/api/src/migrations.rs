//! Migrations: the requests of operators, and the report for them.

use domain::migrations::{MigratedTable, MigrationRequest, MigrationRun};
use domain::{FieldCode, Refusal};
use serde::Serialize;
use serde_json::Value;

/// Reads the payload of an invocation: `from` (`beginning`) begins again, `pages_max` ends it early.
///
/// # Errors
/// [`Refusal::Invalid`] naming the field that is wrong.
pub fn check_asked(payload: &Value) -> Result<MigrationRequest, Refusal> {
    let refuse = |field: &str, expected: &str| {
        Refusal::field(field, FieldCode::NotAllowed, format!("must be {expected}"))
    };
    let from = payload.get("from").map(|from| match from.as_str() {
        Some("beginning") => Ok(true),
        _ => Err(refuse("from", "beginning")),
    });
    let pages_max = payload.get("pages_max").map(|most| {
        let most = most.as_u64().filter(|most| *most > 0);
        most.ok_or_else(|| refuse("pages_max", "a whole number above zero"))
    });
    Ok(MigrationRequest {
        is_from_beginning: from.transpose()?.unwrap_or_default(),
        pages_max: pages_max.transpose()?,
    })
}

/// The report of an invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MigrationReport {
    /// The version of the forms that records are upgraded to.
    pub schema: u32,
    /// Whether all tables are done. If not, the next invocation continues.
    pub done: bool,
    /// Each table.
    pub tables: Vec<TableReport>,
}

/// The part of a report that is about one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: &'static str,
    /// The number of items that were looked at.
    pub looked_at: u64,
    /// The number of records that were upgraded.
    pub upgraded: u64,
    /// Whether the end of the table was reached.
    pub done: bool,
}

impl From<&MigrationRun> for MigrationReport {
    fn from(run: &MigrationRun) -> Self {
        Self {
            schema: run.schema,
            done: run.tables.iter().all(|table| table.is_done),
            tables: run.tables.iter().map(TableReport::from).collect(),
        }
    }
}

impl From<&MigratedTable> for TableReport {
    fn from(table: &MigratedTable) -> Self {
        Self {
            table: table.name,
            looked_at: table.looked_at,
            upgraded: table.upgraded,
            done: table.is_done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_need_be_asked_for_and_a_mistyped_wish_is_refused() {
        assert_eq!(check_asked(&json!({})), Ok(MigrationRequest::default()));
        let again = check_asked(&json!({"from": "beginning", "pages_max": 2}));
        let wanted = MigrationRequest {
            is_from_beginning: true,
            pages_max: Some(2),
        };
        assert_eq!(again, Ok(wanted));
        for payload in [json!({"from": "checkpoints"}), json!({"pages_max": 0})] {
            assert!(check_asked(&payload).is_err(), "{payload}");
        }
    }
}
