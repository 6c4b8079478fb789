//! A month of a ledger as a file of comma-separated values (RFC 4180).

use domain::accounts::Scope;
use domain::callers::Caller;
use domain::exports::Row;
use domain::time::Month;
use domain::{Refusal, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::codes::Code;
use crate::endpoint::Endpoint;
use crate::operation::{Operation, tags};
use crate::query::Query;
use crate::schema;
use crate::time;

/// A month of the caller's ledger as a file.
pub const EXPORT: Endpoint<Caller, ExportView> = Endpoint::user("GET /credits/export", Scope::Read);
/// A month of a team's ledger as a file.
pub const TEAM_EXPORT: Endpoint<Caller, ExportView> =
    Endpoint::user("GET /teams/{team_id}/credits/export", Scope::Read);

/// The columns.
const COLUMNS: [&str; 18] = [
    "sequence",
    "id",
    "created_at",
    "kind",
    "amount",
    "available_delta",
    "held_delta",
    "owed_delta",
    "available_after",
    "held_after",
    "actor",
    "description",
    "generation_id",
    "model",
    "quoted",
    "captured",
    "released",
    "refunded",
];
const ABOUT: &str = "\
    Comma-separated values with a header, one row for each entry, the oldest first. The columns are those of \
    `/credits/transactions`, after `sequence`: each entry's place in the ledger, from 1 and without gaps, so that \
    nothing is missing between two months. `available_after` and `held_after` of a month's last row are what the \
    wallet had when it ended. The row of a `hold` also has the receipt of its generation, as it is by now: `model`, `quoted`, \
    `captured`, `released`, `refunded`; they are empty on other rows, and where the generation was deleted. Months are UTC. \
    The URL works for a quarter of an hour. Another request makes the file anew.";

/// Describes these endpoints for the OpenAPI document.
pub(crate) fn operations() -> Vec<Operation> {
    let month = |operation: Operation| {
        operation
            .says(ABOUT)
            .requires::<schema::Month>("month", "The month, UTC.")
            .answers("The address of the file.")
            .refuses(&[Code::Conflict])
    };
    vec![
        month(tags::CREDITS.operation(
            &EXPORT,
            "creditsExport",
            "A month of your ledger as a file",
        )),
        month(
            tags::TEAMS
                .operation(
                    &TEAM_EXPORT,
                    "teamsCreditsExport",
                    "A month of a team's ledger as a file",
                )
                .names::<schema::TeamId>("team_id", "The team."),
        ),
    ]
}

/// Reads the query of either endpoint: the month.
///
/// # Errors
/// [`Refusal::Invalid`] naming the wrong or missing parameter.
pub fn check(mut query: Query) -> Result<Month, Refusal> {
    let month = query.required("month", "a month such as 2026-01", Month::parse);
    query.finish_required(month)
}

/// The address where a month of a ledger can be downloaded.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CreditExport")]
pub struct ExportView {
    /// The month, UTC.
    #[schemars(with = "schema::Month")]
    pub month: String,
    /// The number of entries.
    #[schemars(with = "schema::Count")]
    pub rows: u64,
    /// The address of the file. A browser saves what it gets there.
    #[schemars(with = "schema::Url")]
    pub url: String,
    /// The time at which the URL stops working.
    #[schemars(with = "schema::Time")]
    pub expires_at: String,
}

impl ExportView {
    /// Returns the answer.
    #[must_use]
    pub fn new(month: Month, rows: usize, url: String, expires_at: Timestamp) -> Self {
        Self {
            month: month.to_string(),
            rows: u64::try_from(rows).unwrap_or(u64::MAX),
            url,
            expires_at: time::format(expires_at),
        }
    }
}

/// Writes the rows as they are in the file.
///
/// # Errors
/// An error of writing to memory, which is not expected to occur.
pub fn table(rows: &[Row]) -> Result<Vec<u8>, csv::Error> {
    let mut table = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for row in rows {
        table.write_record(fields(row))?;
    }
    Ok(table
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?)
}

fn fields(row: &Row) -> [String; 18] {
    let Row { entry, job } = row;
    let generation = entry.generation.as_ref().map(ToString::to_string);
    let [model, quoted, captured, released, refunded] = match job {
        Some(job) => [
            job.model.clone(),
            job.quoted.to_string(),
            job.parts.captured.to_string(),
            job.parts.released.to_string(),
            job.refunded.to_string(),
        ],
        None => Default::default(),
    };
    [
        entry.sequence.to_string(),
        entry.id.clone(),
        time::format(entry.created_at),
        entry.kind.as_str().to_owned(),
        entry.amount.to_string(),
        entry.available_delta.to_string(),
        entry.held_delta.to_string(),
        entry.owed_delta.to_string(),
        entry.available_after.to_string(),
        entry.held_after.to_string(),
        entry.actor.to_string(),
        as_text(&entry.description),
        generation.unwrap_or_default(),
        model,
        quoted,
        captured,
        released,
        refunded,
    ]
}

/// Returns text that a spreadsheet does not take for a formula: somebody else may have written it.
fn as_text(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::as_text;

    #[test]
    fn no_text_is_a_formula() {
        assert_eq!(as_text("25 credits captured"), "25 credits captured");
        for text in ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1", "\r=1"] {
            assert_eq!(as_text(text), format!("'{text}"));
        }
    }
}
