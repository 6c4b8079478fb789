//! Requests and whole jobs through the gateway.
//!
//! Owns the choice of requests, their number, and their table. Refuses to know how a call is timed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bench::{Align, Table, megabytes, milliseconds, thousands};
use reqwest::StatusCode;
use stack::{Binaries, Error};

use crate::caller::{Caller, PROMPT_MADE, PROMPT_REFUSED};
use crate::cloud::{Cloud, answer};
use crate::measure::{Row, Subject, measure};

const BARE: Subject = Subject {
    name: "bare lambda_http",
    functions: &["bare-function"],
    starts: 40,
    calls: 2_000,
};
const BALANCE: Subject = Subject {
    name: "GET /credits",
    functions: &["credits-balance"],
    starts: 40,
    calls: 2_000,
};
const GENERATION: Subject = Subject {
    name: "GET /generations/{id}",
    functions: &["generations-get"],
    starts: 40,
    calls: 2_000,
};
const SUBMIT: Subject = Subject {
    name: "POST /generations/flux-dev",
    functions: &["generations-create"],
    starts: 40,
    calls: 500,
};
const JOB: Subject = Subject {
    name: "a whole job",
    functions: &[
        "generations-create",
        "jobs-submit",
        "webhooks-fal",
        "jobs-settle",
    ],
    // The stand-in's picture takes a second.
    starts: 10,
    calls: 60,
};
const AUTHORIZED: Subject = Subject {
    name: "GET /credits + authorizer",
    functions: &["accounts-authorize", "credits-balance"],
    starts: 40,
    calls: 500,
};

/// Measures the floor: a function that does nothing.
pub async fn bare() -> Result<Row, Error> {
    let name = BARE.functions[0].to_owned();
    let path = PathBuf::from(env!("CARGO_BIN_EXE_bare-function"));
    let binaries = Binaries::from_iter([(name, path)]);
    let template = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let cloud = Cloud::start(template, &binaries, BTreeMap::new()).await?;
    let row = measure(&cloud, &binaries, &BARE, async || {
        Ok(answer(cloud.get("/"), StatusCode::OK).await?.took)
    })
    .await?;
    cloud.shutdown().await;
    Ok(row)
}

/// Measures Velro's own functions.
pub async fn measure_all(cloud: &Cloud, binaries: &Binaries) -> Result<Vec<Row>, Error> {
    let mut caller = Caller::register(cloud, "endpoints").await?;
    let balance = measure(cloud, binaries, &BALANCE, async || {
        Ok(caller.read("/credits").await?.took)
    })
    .await?;

    let made = caller.finish("flux-dev", PROMPT_MADE, "succeeded").await?;
    let path = format!("/generations/{}", made.id);
    let generation = measure(cloud, binaries, &GENERATION, async || {
        Ok(caller.read(&path).await?.took)
    })
    .await?;

    let submit = measure(cloud, binaries, &SUBMIT, async || {
        let job = caller.finish("flux-dev", PROMPT_REFUSED, "failed").await?;
        Ok(job.submit)
    })
    .await?;

    let job = measure(cloud, binaries, &JOB, async || {
        let job = caller.finish("flux-dev", PROMPT_MADE, "succeeded").await?;
        Ok(job.whole)
    })
    .await?;

    let authorized = measure(cloud, binaries, &AUTHORIZED, async || {
        Ok(caller.read_unknown("/credits").await?.took)
    })
    .await?;
    Ok(vec![balance, generation, submit, job, authorized])
}

/// Writes the rows as a table.
pub fn table(rows: &[Row]) -> Table<8> {
    let right = Align::Right;
    let mut table = Table::new([Align::Left, right, right, right, right, right, right, right]);
    let head = [
        ["", "cold start", "", "warm", "", "", "", ""],
        [
            "", "median", "starts", "p50", "p99", "CPU", "calls", "binary",
        ],
    ];
    for row in head {
        table.push(row.map(str::to_owned));
    }
    for row in rows {
        let processor = row.processor.map(|time| milliseconds(time, 2));
        table.push([
            row.name.to_owned(),
            milliseconds(row.cold.median(), 1),
            thousands(row.cold.count()),
            milliseconds(row.warm.median(), 2),
            milliseconds(row.warm.percentile(99), 2),
            processor.unwrap_or_else(|| "-".to_owned()),
            thousands(row.warm.count()),
            megabytes(row.size_bytes),
        ]);
    }
    table
}
