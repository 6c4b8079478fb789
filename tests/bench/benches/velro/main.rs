//! `cargo bench --package bench`: builds the functions, measures them, and prints a table for each kind of
//! figure.
//!
//! Owns the choice of kinds, the command line and the output. The library's documentation says how to read
//! it.

#![allow(clippy::print_stdout, reason = "printing is what this is for")]

mod caller;
mod cloud;
mod endpoints;
mod figures;
mod growth;
mod measure;
mod starts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use stack::{Binaries, Error};

use self::caller::{Caller, PROMPT_MADE};
use self::cloud::{Cloud, because};
use self::starts::Subject;

/// Enough credits for every job; most of them are given back anyway.
const SIGN_UP_CREDITS: &str = "100000000";

const LEGEND: &str = "\
cold start     the process was ended, then one request timed to the end of its answer
warm           the same request on one instance, one at a time
CPU            the processor time of the functions in one warm request
+ authorizer   from callers that the gateway does not know; the size is the authorizer's
a whole job    submit, worker, the provider's webhook and settling, until its owner sees it succeeded";

const LEGEND_STARTS: &str = "\
init           from the start of the process until it asks for work; on Lambda with a whole core
first          from its first request until the answer; the authorizer has let it in before
first at 1/7   with the seventh of a core that Lambda gives to 256 MB after init
bare read      lambda_http, the SDK with our configuration, and one GetItem";

const LEGEND_GROWTH: &str = "\
among          pages of 20, one after the other from the newest on, by an owner of so many generations
by             the submit alone, by so many tenants in turn, each job ended before the next";

/// Times the functions, cold and warm, and prints a table for each kind of figure.
#[derive(Parser)]
#[command(bin_name = "cargo bench --package bench --")]
struct Arguments {
    /// Measure only this kind of figure; may be given several times
    #[arg(long, value_enum, value_name = "KIND")]
    only: Vec<Kind>,
    /// Also write all figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Set by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// A kind of figure, which has a table of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Requests and whole jobs through the gateway, cold and warm
    Endpoints,
    /// The steps of a start, with AWS behind TLS
    Starts,
    /// A page and a submit as more and more is stored
    Growth,
}

#[tokio::main]
async fn main() -> ExitCode {
    // `cargo test --benches` runs this too, without the flag: a test measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Error> {
    let is_wanted = |kind| arguments.only.is_empty() || arguments.only.contains(&kind);
    eprintln!("Building the functions");
    let binaries = stack::build(true, |_| {})?;
    println!("\nVelro through its local cloud, release binaries, one request at a time");
    println!("{}\n", machine());
    let mut figures = json!({ "machine": machine() });
    if is_wanted(Kind::Endpoints) {
        eprintln!("Measuring requests and whole jobs");
        let mut rows = vec![endpoints::bare().await?];
        let cloud = velro(&binaries).await?;
        rows.extend(endpoints::measure_all(&cloud, &binaries).await?);
        cloud.shutdown().await;
        println!("{}\n{LEGEND}\n", endpoints::table(&rows));
        figures["endpoints"] = rows.iter().map(measure::Row::json).collect();
    }
    if is_wanted(Kind::Starts) {
        eprintln!("Measuring starts");
        let cloud = velro(&binaries).await?;
        let caller = Caller::register(&cloud, "starts").await?;
        let job = caller.finish("flux-dev", PROMPT_MADE, "succeeded").await?;
        let subject = Subject {
            user: caller.id().to_owned(),
            token: caller.token().to_owned(),
            generation: job.id,
        };
        let rows = starts::measure(&cloud, &binaries, &subject).await?;
        cloud.shutdown().await;
        println!("{}\n{LEGEND_STARTS}\n", starts::table(&rows));
        figures["starts"] = rows.iter().map(starts::Row::json).collect();
    }
    if is_wanted(Kind::Growth) {
        eprintln!("Measuring pages and submits as more is stored");
        let cloud = velro(&binaries).await?;
        let mut rows = growth::tenants(&cloud).await?;
        rows.extend(growth::pages(&cloud).await?);
        cloud.shutdown().await;
        println!("{}\n{LEGEND_GROWTH}\n", growth::table(&rows));
        figures["growth"] = rows.iter().map(growth::Row::json).collect();
    }
    match &arguments.json {
        Some(path) => write(path, &figures),
        None => Ok(()),
    }
}

/// Starts Velro, with credits for everybody.
async fn velro(binaries: &Binaries) -> Result<Cloud, Error> {
    let template = stack::workspace_root().join("template.yaml");
    let parameters = [
        ("SignUpCredits", SIGN_UP_CREDITS),
        ("SignUpCreditsAt", "registration"),
        // A thousand people register on one day here.
        ("SignUpBonusesPerDay", "1000000"),
    ];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Cloud::start(template, binaries, BTreeMap::from(parameters)).await
}

fn write(path: &Path, figures: &Value) -> Result<(), Error> {
    let text = format!("{figures:#}\n");
    std::fs::write(path, text).map_err(because("the figures cannot be written"))
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
