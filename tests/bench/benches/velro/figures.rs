//! The figures for programs.
//!
//! Owns the form of the JSON. Refuses to know how a figure came about.

use std::time::Duration;

use bench::Samples;
use serde_json::{Value, json};

/// Samples as JSON: their median, 99th percentile and number.
pub fn times(samples: &Samples) -> Value {
    json!({
        "p50_ms": ms(samples.median()),
        "p99_ms": ms(samples.percentile(99)),
        "count": samples.count(),
    })
}

/// A time in milliseconds, to the microsecond.
pub fn ms(duration: Duration) -> Value {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    json!(micros as f64 / 1_000.0)
}
