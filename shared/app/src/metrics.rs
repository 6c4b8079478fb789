//! What is measured: one line of CloudWatch's embedded metric format each, which CloudWatch turns into
//! metrics as it takes the log in, so that measuring costs no call.
//!
//! A metric costs money for each combination of its dimensions. So what every function measures has none: AWS
//! counts invocations, errors and durations of each function anyway, and the line names the function for Logs
//! Insights. Only jobs have dimensions: their model, and how they ended.
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

/// What one invocation of a function came to.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The request that it was for; empty if for none.
    pub request_id: &'a str,
    /// How many requests or messages there were in it.
    pub requests: u32,
    /// How many of them failed through a fault of ours.
    pub errors: u32,
    /// The time at which it began.
    pub began_at: Timestamp,
    /// Whether it is the process's first.
    pub is_cold: bool,
}

/// Notes an invocation that ends now.
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

/// Notes that a job has been settled: its record is `next`, and this was booked.
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
    // An alarm cannot add up what has dimensions.
    put(app, now, &[], &[], &[("CreditsSpent", "Count", captured)]);
}

/// Notes how many of something there are now.
pub fn gauge(app: &App, name: &str, value: i64) {
    put(app, clock::now(), &[], &[], &[(name, "Count", value)]);
}

/// Notes how long the provider took to answer one call.
pub(crate) fn provider_answered(app: &App, call: &str, asked_at: Timestamp) {
    let now = clock::now();
    let values = [("ProviderLatency", "Milliseconds", ms(now.since(asked_at)))];
    put(app, now, &[], &[("Call", call)], &values);
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

/// Writes one measurement to the log. One that cannot be written is lost, and nothing else is.
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

/// One measurement. Its notes can be searched for, and cost nothing.
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
