//! `cargo bench --package bench`: builds the functions, measures them, and prints one table.
//!
//! Owns the choice of requests, their number, and the output. The library's documentation says how to read
//! it.

#![allow(clippy::print_stdout, reason = "printing is what this is for")]

mod caller;
mod cloud;
mod measure;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use bench::{Align, Table, megabytes, milliseconds, thousands};
use reqwest::StatusCode;
use stack::{Binaries, Error};

use self::caller::Caller;
use self::cloud::{Cloud, answer};
use self::measure::{Row, Subject, measure};

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
const AUTHORIZED: Subject = Subject {
    name: "GET /credits + authorizer",
    functions: &["accounts-authorize", "credits-balance"],
    starts: 40,
    calls: 500,
};

/// Enough credits for every submit; the stand-in's refusals give them back anyway.
const SIGN_UP_CREDITS: &str = "100000000";
/// The stand-in refuses a job with this prompt at once.
const PROMPT_REFUSED: &str = "a red fox in deep snow [[reject:422]]";
/// The stand-in makes a picture of this prompt.
const PROMPT_MADE: &str = "a red fox in deep snow";

const LEGEND: &str = "\
cold start     the process was ended, then one request timed to the end of its answer
warm           the same request on one instance, one at a time
+ authorizer   from callers that the gateway does not know; the size is the authorizer's
";

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo test --benches` runs this too, without the flag: a test measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    eprintln!("Building the functions");
    let binaries = stack::build(true, |_| {})?;
    eprintln!("Measuring");
    let mut rows = vec![bare().await?];
    rows.extend(velro(&binaries).await?);
    println!(
        "\nVelro through its local cloud, release binaries, one request at a time\n{}\n\n{}\n{LEGEND}",
        machine(),
        table(&rows)
    );
    Ok(())
}

/// Measures the floor: a function that does nothing.
async fn bare() -> Result<Row, Error> {
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
async fn velro(binaries: &Binaries) -> Result<Vec<Row>, Error> {
    let template = stack::workspace_root().join("template.yaml");
    let parameters = [
        ("SignUpCredits", SIGN_UP_CREDITS),
        ("SignUpCreditsAt", "registration"),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let cloud = Cloud::start(template, binaries, BTreeMap::from(parameters)).await?;
    let mut caller = Caller::register(&cloud).await?;

    let balance = measure(&cloud, binaries, &BALANCE, async || {
        Ok(caller.read("/credits").await?.took)
    })
    .await?;

    let made = caller.submit("flux-dev", PROMPT_MADE).await?.text("/id")?;
    caller.wait_for(&made, "succeeded").await?;
    let path = format!("/generations/{made}");
    let generation = measure(&cloud, binaries, &GENERATION, async || {
        Ok(caller.read(&path).await?.took)
    })
    .await?;

    let submit = measure(&cloud, binaries, &SUBMIT, async || {
        let submitted = caller.submit("flux-dev", PROMPT_REFUSED).await?;
        caller.wait_for(&submitted.text("/id")?, "failed").await?;
        Ok(submitted.took)
    })
    .await?;

    let authorized = measure(&cloud, binaries, &AUTHORIZED, async || {
        Ok(caller.read_unknown("/credits").await?.took)
    })
    .await?;
    cloud.shutdown().await;
    Ok(vec![balance, generation, submit, authorized])
}

fn table(rows: &[Row]) -> Table<7> {
    let right = Align::Right;
    let mut table = Table::new([Align::Left, right, right, right, right, right, right]);
    let head = [
        ["", "cold start", "", "warm", "", "", ""],
        ["", "median", "starts", "p50", "p99", "calls", "binary"],
    ];
    for row in head {
        table.push(row.map(str::to_owned));
    }
    for row in rows {
        table.push([
            row.name.to_owned(),
            milliseconds(row.cold.median(), 1),
            thousands(row.cold.count()),
            milliseconds(row.warm.median(), 2),
            milliseconds(row.warm.percentile(99), 2),
            thousands(row.warm.count()),
            megabytes(row.size_bytes),
        ]);
    }
    table
}

/// Describes the machine, on which the numbers depend: cores, their model where the system names it, and the
/// platform.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map(|(_, model)| format!(", {}", model.trim()))
        .unwrap_or_default();
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("{cores} cores{model}, {system} {architecture}")
}
