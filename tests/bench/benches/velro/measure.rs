//! Measures one kind of request, cold and warm.
//!
//! Owns the number and the order of the calls, and the check that starts were cold exactly where they should
//! be. Refuses to know the content of the request.

use std::time::Duration;

use bench::Samples;
use serde_json::{Value, json};
use stack::{Binaries, Error};

use crate::cloud::{Cloud, because};
use crate::figures::{ms, times};

/// The calls that an instance gets before its warm calls are counted.
const WARM_UP_CALLS: usize = 50;

/// The subject of a measurement, and the number of its calls.
pub struct Subject {
    /// Its name in the table.
    pub name: &'static str,
    /// The functions that are ended before a cold start, and whose processor time is counted. The table shows
    /// the size of the first.
    pub functions: &'static [&'static str],
    /// The number of cold starts.
    pub starts: usize,
    /// The number of warm calls.
    pub calls: usize,
}

/// The results for one subject.
pub struct Row {
    /// The subject's name.
    pub name: &'static str,
    /// The times from a request to its answer, on a new instance.
    pub cold: Samples,
    /// The times from a request to its answer, on an instance that has answered before.
    pub warm: Samples,
    /// The processor time of a warm call in all its functions; `None` where the system does not tell.
    pub processor: Option<Duration>,
    /// The size of the binary.
    pub size_bytes: u64,
}

impl Row {
    /// The row for programs.
    pub fn json(&self) -> Value {
        json!({
            "name": self.name,
            "cold": times(&self.cold),
            "warm": times(&self.warm),
            "processor_ms": self.processor.map(ms),
            "binary_bytes": self.size_bytes,
        })
    }
}

/// Measures `subject`; `call` makes one request, and returns the time that its answer took.
pub async fn measure(
    cloud: &Cloud,
    binaries: &Binaries,
    subject: &Subject,
    mut call: impl AsyncFnMut() -> Result<Duration, Error>,
) -> Result<Row, Error> {
    // Everything else on the way is warm from now on.
    call().await?;
    let before = cloud.cold_starts(subject.functions).await?;
    let mut cold = Vec::with_capacity(subject.starts);
    for _ in 0..subject.starts {
        for function in subject.functions {
            cloud.kill(function).await?;
        }
        cold.push(call().await?);
    }
    let between = cloud.cold_starts(subject.functions).await?;
    let expected = (subject.starts * subject.functions.len()) as u64;
    expect(subject, between - before, expected)?;

    for _ in 0..WARM_UP_CALLS {
        call().await?;
    }
    let mut warm = Vec::with_capacity(subject.calls);
    let used_before = cloud.processor_time(subject.functions).await?;
    for _ in 0..subject.calls {
        warm.push(call().await?);
    }
    let used = cloud.processor_time(subject.functions).await?;
    let unexpected = cloud.cold_starts(subject.functions).await? - between;
    expect(subject, unexpected, 0)?;
    let used = used
        .zip(used_before)
        .map(|(used, before)| used.saturating_sub(before));
    let calls = u32::try_from(subject.calls).unwrap_or(u32::MAX);

    let nothing = || Error::new(format!("{} was not measured", subject.name));
    Ok(Row {
        name: subject.name,
        cold: Samples::new(cold).ok_or_else(nothing)?,
        warm: Samples::new(warm).ok_or_else(nothing)?,
        processor: used.and_then(|used| used.checked_div(calls)),
        size_bytes: size_bytes(binaries, subject)?,
    })
}

fn expect(subject: &Subject, found: u64, expected: u64) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::new(format!(
        "{} met {found} cold starts where {expected} were to be measured",
        subject.name
    )))
}

fn size_bytes(binaries: &Binaries, subject: &Subject) -> Result<u64, Error> {
    let path = subject
        .functions
        .first()
        .and_then(|name| binaries.get(name));
    let path = path.ok_or_else(|| Error::new(format!("{} has no binary", subject.name)))?;
    let file = path
        .metadata()
        .map_err(because("a binary cannot be looked at"))?;
    Ok(file.len())
}
