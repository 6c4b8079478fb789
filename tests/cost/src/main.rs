//! `cargo run --package cost`: the price of a month on AWS, idle and with many generations.
//!
//! Owns the bill: the use times the prices. Refuses to guess at use: the local cloud measures it.

#![allow(clippy::print_stdout, reason = "printing is what this is for")]
#![allow(
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    reason = "dollars of an estimate, not credits"
)]

mod prices;
mod usage;

use std::process::ExitCode;

use clap::Parser;
use prices::Price;
use stack::Error;
use usage::{Measured, Usage, measure};

/// The columns: generations a month.
const VOLUMES: [f64; 4] = [0.0, 1e3, 1e5, 1e7];
const MINUTES_A_MONTH: f64 = 43_800.0;
const GIGABYTE: f64 = 1e9;
/// The number of objects that a generation writes: a picture of a megapixel, and two thumbnails of it.
const OBJECTS: f64 = 3.0;
/// The size of a picture of a megapixel, as PNG: it is kept, and downloaded once.
const PICTURE_BYTES: f64 = 1.5e6;
/// The bytes that a generation leaves in the tables and their indexes: its record and two ledger entries.
const KEPT_BYTES: f64 = 4e3;
/// Lambda's five pollers ask each queue for up to twenty seconds at a time, also while nothing comes.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
const POLLS_A_MINUTE: f64 = 15.0;
/// The part of requests that X-Ray records: the first one of a second, and a twentieth of the others.
const TRACED: f64 = 0.05;
/// Our own metrics that are measured in every hour; and the others, one for each model and outcome.
const METRICS_IDLE: f64 = 7.0;
const METRICS_BUSY: f64 = 50.0;

const AFTER_HELP: &str = "\
What a generation uses is measured on the local cloud, which runs the real functions: invocations, their time and
memory, DynamoDB's capacity units, messages, logs. Each call to AWS is taken to last 4 ms, the provider's answers 1.5 s.
Prices are AWS's of 2025 in us-east-1: tests/cost/src/prices.rs. fal.ai's own price is not in it: your users' credits
pay for that. Nor are letters, $0.10 a thousand.";

/// Prints the price of a month on AWS, from the measured use of the functions.
#[derive(Parser)]
#[command(name = "cost", after_help = AFTER_HELP)]
struct Arguments {
    /// Measure optimized binaries, which takes long to build and changes little.
    #[arg(long)]
    release: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Error> {
    eprintln!("Building the functions");
    let binaries = stack::build(arguments.release, |_| {})?;
    let path = stack::workspace_root().join("template.yaml");
    let template =
        std::fs::read_to_string(path).map_err(|problem| Error::new(problem.to_string()))?;
    let template = Template::read(&template);
    eprintln!("Measuring");
    let names: Vec<String> = template
        .schedules
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let measured = measure(binaries, &names).await?;
    println!("{}", bill(&template, &measured));
    Ok(())
}

/// The template's parts that cost something even without use.
struct Template {
    alarms: f64,
    dashboards: f64,
    mappings: f64,
    /// The scheduled functions, and the number of their runs in a month.
    schedules: Vec<(String, f64)>,
}

impl Template {
    fn read(text: &str) -> Self {
        let count = |what: &str| text.matches(what).count() as f64;
        let mut schedules = Vec::new();
        let mut binary = "";
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix("Binary: ") {
                binary = name;
            }
            let rate = line.strip_prefix("ScheduleExpression: rate(");
            if let Some((count, unit)) = rate.and_then(|rate| rate.split_once(' ')) {
                let minutes = if unit.starts_with("hour") { 60.0 } else { 1.0 };
                let every: f64 = count.parse().unwrap_or(1.0);
                schedules.push((binary.to_owned(), MINUTES_A_MONTH / (every * minutes)));
            }
        }
        Self {
            // An alarm on two metrics and an expression counts as two.
            alarms: count("Type: AWS::CloudWatch::Alarm\n") + count("          Expression: "),
            dashboards: count("Type: AWS::CloudWatch::Dashboard\n"),
            mappings: count("Type: AWS::Lambda::EventSourceMapping\n"),
            schedules,
        }
    }

    /// The use of a month in which nobody calls.
    fn idle(&self, measured: &Measured) -> Usage {
        let runs = self.schedules.iter().map(|(function, runs)| {
            let run = measured.schedules.get(function).copied();
            run.unwrap_or_default().times(*runs)
        });
        let mut idle = runs.fold(Usage::default(), Usage::and);
        idle.message_requests += self.mappings * POLLS_A_MINUTE * MINUTES_A_MONTH;
        idle
    }
}

/// The lines of a month's bill with this many generations, in dollars.
fn month(template: &Template, measured: &Measured, generations: f64) -> Vec<(Price, f64)> {
    let idle = template.idle(measured);
    let used = idle.and(measured.generation.times(generations));
    let scheduled = template.schedules.iter().map(|(_, runs)| runs).sum();
    let is_busy = generations > 0.0;
    let lines = [
        (prices::REQUEST, used.requests),
        (prices::INVOCATION, used.invocations),
        (prices::GIGABYTE_SECOND, used.gigabyte_seconds),
        (prices::READ_UNIT, used.read_units),
        (prices::WRITE_UNIT, used.write_units),
        (prices::TABLE_GIGABYTE, generations * KEPT_BYTES / GIGABYTE),
        (prices::MESSAGE_REQUEST, used.message_requests),
        (prices::OBJECT_PUT, generations * OBJECTS),
        (
            prices::OBJECT_GIGABYTE,
            generations * PICTURE_BYTES / GIGABYTE,
        ),
        (prices::GIGABYTE_OUT, generations * PICTURE_BYTES / GIGABYTE),
        (prices::LOG_GIGABYTE, used.log_bytes / GIGABYTE),
        (prices::ALARM, template.alarms),
        (
            prices::METRIC,
            if is_busy { METRICS_BUSY } else { METRICS_IDLE },
        ),
        (prices::DASHBOARD, template.dashboards),
        (prices::TRACE, used.requests.mul_add(TRACED, scheduled)),
        (prices::SCHEDULED, scheduled),
    ];
    lines
        .map(|(price, quantity)| (price, price.of(quantity)))
        .to_vec()
}

fn bill(template: &Template, measured: &Measured) -> String {
    let months = VOLUMES.map(|generations| month(template, measured, generations));
    let mut text = format!(
        "{:34}{:>12}{:>12}{:>12}{:>14}\n",
        "generations a month", "0", "1,000", "100,000", "10,000,000"
    );
    for (n, (price, _)) in months[0].iter().enumerate() {
        let dollars = [0, 1, 2, 3].map(|month: usize| months[month][n].1);
        if dollars.iter().any(|line| *line >= 0.005) {
            text.push_str(&row(price.name, dollars));
        }
    }
    let totals =
        [0, 1, 2, 3].map(|month: usize| months[month].iter().map(|(_, dollars)| dollars).sum());
    text.push_str(&row("a month, in dollars", totals));
    let each = [1, 2, 3].map(|n| totals[n] / VOLUMES[n]);
    text.push_str(&format!(
        "{:34}{:>12}{:>12.5}{:>12.5}{:>14.5}\n\n",
        "a generation", "", each[0], each[1], each[2]
    ));
    let one = measured.generation;
    text.push_str(&format!(
        "One generation: {:.1} requests, {:.1} invocations, {:.2} GB-seconds, {:.1} units read, {:.1} written,\n\
         {:.1} requests to queues, {:.1} KB logged. One picture of 1.5 MB each, kept with two thumbnails and downloaded once.\n\n\
         Always on, whatever is generated, and before any picture is stored:\n",
        one.requests,
        one.invocations,
        one.gigabyte_seconds,
        one.read_units,
        one.write_units,
        one.message_requests,
        one.log_bytes / 1e3,
    ));
    for (name, dollars) in prices::ALWAYS_ON {
        text.push_str(&format!("{dollars:8.2}  {name}\n"));
    }
    text
}

fn row(name: &str, dollars: [f64; 4]) -> String {
    let [none, few, some, many] = dollars.map(|dollars| format!("{dollars:.2}"));
    format!("{name:34}{none:>12}{few:>12}{some:>12}{many:>14}\n")
}
