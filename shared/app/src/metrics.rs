//! Measurements. Each is one line of CloudWatch's embedded metric format, which CloudWatch turns into
//! metrics as it ingests the log, so that measuring costs no call.
//!
//! A metric costs money for each combination of its dimensions. So the metrics of every function have none:
//! AWS counts invocations, errors and durations of each function anyway, and the line names the function
//! for Logs Insights. Only jobs have dimensions: their model, and how they ended.
//!
//! Form:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write as _;
use std::time::Duration;

use domain::Timestamp;
use domain::generations::Generation;
use domain::ledger::{EntryKind, Settled};
use serde_json::{Map, Value, json};

use crate::{App, clock};

/// The outcome of one invocation of a function.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The request that it was for; empty if it was for none.
    pub request_id: &'a str,
    /// The number of requests or messages in it.
    pub requests: u32,
    /// The number of these that failed through a fault of ours.
    pub errors: u32,
    /// The time at which it began.
    pub began_at: Timestamp,
    /// Whether it is the first invocation of its process.
    pub is_cold: bool,
}

/// Measures an invocation that ends now.
pub fn invocation(app: &App, invocation: &Invocation<'_>) {
    let now = clock::now();
    let values = [
        ("Requests", "Count", i64::from(invocation.requests)),
        ("Errors", "Count", i64::from(invocation.errors)),
        (
            "Latency",
            "Milliseconds",
            ms(now.since(invocation.began_at)),
        ),
        ("ColdStarts", "Count", i64::from(invocation.is_cold)),
    ];
    let mut notes = vec![("Function", app.config.function.as_str())];
    if !invocation.request_id.is_empty() {
        notes.push(("RequestId", invocation.request_id));
    }
    put(app, now, &[], &notes, &values);
}

/// Measures that a job was settled: its record is `next`, and `settled` was booked.
pub(crate) fn settled(app: &App, next: &Generation, settled: &Settled) {
    let now = clock::now();
    let captured = settled.amount(EntryKind::Capture).get();
    let released = settled.amount(EntryKind::Release).get();
    let values = [
        ("Jobs", "Count", 1),
        ("CreditsCaptured", "Count", captured),
        ("CreditsReleased", "Count", released),
        (
            "JobDuration",
            "Milliseconds",
            ms(now.since(next.created_at)),
        ),
    ];
    let dimensions = [
        ("Model", next.model.as_str()),
        ("Outcome", next.state.as_str()),
    ];
    put(app, now, &dimensions, &[], &values);
    // An alarm cannot add up a metric over its dimensions, so this one has none.
    put(app, now, &[], &[], &[("CreditsSpent", "Count", captured)]);
}

/// Measures a number of things at this moment.
pub fn gauge(app: &App, name: &str, value: i64) {
    put(app, clock::now(), &[], &[], &[(name, "Count", value)]);
}

/// Measures the time that the provider took to answer one call.
pub(crate) fn provider_answered(app: &App, call: &str, asked_at: Timestamp) {
    let now = clock::now();
    let values = [("ProviderLatency", "Milliseconds", ms(now.since(asked_at)))];
    put(app, now, &[], &[("Call", call)], &values);
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Writes one measurement to the log. If it cannot be written, only the measurement is lost.
fn put(
    app: &App,
    now: Timestamp,
    dimensions: &[(&str, &str)],
    notes: &[(&str, &str)],
    values: &[(&str, &str, i64)],
) {
    let line = line(
        &app.config.metrics_namespace,
        now,
        dimensions,
        notes,
        values,
    );
    writeln!(std::io::stdout().lock(), "{line}").unwrap_or_default();
}

/// Returns the line of one measurement. Its notes can be searched for, and cost nothing.
fn line(
    namespace: &str,
    now: Timestamp,
    dimensions: &[(&str, &str)],
    notes: &[(&str, &str)],
    values: &[(&str, &str, i64)],
) -> String {
    let names: Vec<_> = dimensions.iter().map(|(name, _)| *name).collect();
    let metrics = values
        .iter()
        .map(|(name, unit, _)| json!({"Name": name, "Unit": unit}));
    let directive = json!({
        "Namespace": namespace,
        "Dimensions": [names],
        "Metrics": metrics.collect::<Vec<_>>(),
    });
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({"Timestamp": now.ms(), "CloudWatchMetrics": [directive]}),
    );
    for (name, text) in dimensions.iter().chain(notes) {
        line.insert((*name).to_owned(), json!(text));
    }
    for (name, _, value) in values {
        line.insert((*name).to_owned(), json!(value));
    }
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_cloudwatch_reads() {
        let line = line(
            "velro",
            Timestamp::from_ms(1_700_000_000_123),
            &[("Model", "veo3")],
            &[("Call", "submit")],
            &[("Jobs", "Count", 1)],
        );
        let read: Value = serde_json::from_str(&line).expect("JSON");
        let expected = json!({
            "_aws": {
                "Timestamp": 1_700_000_000_123_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "velro",
                    "Dimensions": [["Model"]],
                    "Metrics": [{"Name": "Jobs", "Unit": "Count"}],
                }],
            },
            "Model": "veo3",
            "Call": "submit",
            "Jobs": 1,
        });
        assert_eq!(read, expected);
        assert!(!line.contains('\n'));
    }
}
