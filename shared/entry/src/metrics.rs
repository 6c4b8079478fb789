//! Numbers for people to watch, in CloudWatch's embedded metric format: a line of the log that CloudWatch reads as a
//! number, without a call.

use std::io::Write as _;

use app::clock;
use serde_json::json;

/// How many of something there are now, as the metric `name` of the namespace `Velro`.
pub fn gauge(name: &str, value: i64) {
    let line = json!({
        "_aws": {
            "Timestamp": clock::now().ms(),
            "CloudWatchMetrics": [{
                "Namespace": "Velro",
                "Dimensions": [[]],
                "Metrics": [{"Name": name, "Unit": "Count"}],
            }],
        },
        name: value,
    });
    // Nothing depends on it.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
