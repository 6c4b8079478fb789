//! The same request as more and more is stored: a page of a list, and a submit.
//!
//! Owns the numbers of things, and how they come to be there. Refuses to know how a request is sent.

use bench::{Align, Samples, Table, milliseconds, thousands};
use domain::Timestamp;
use domain::ids::GenerationId;
use serde_json::{Value, json};
use stack::Error;

use crate::caller::{Caller, PROMPT_MADE, PROMPT_REFUSED};
use crate::cloud::{Cloud, because};
use crate::figures::times;

const TABLE: &str = "velro-local-generationstable";
/// The lengths of the lists.
const ITEMS: [usize; 3] = [100, 10_000, 1_000_000];
/// The numbers of tenants that submit in turn.
const TENANTS: [usize; 3] = [1, 10, 1_000];
const PAGES: usize = 1_000;
const SUBMITS: usize = 500;
/// The items of one import. Other requests to the database get a turn between two.
const PORTION: usize = 5_000;
/// The time of the oldest copy. Each is a second younger than the one before it.
const OLDEST_MS: i64 = 1_600_000_000_000;

/// The results at one size.
pub struct Row {
    name: String,
    size: usize,
    samples: Samples,
}

impl Row {
    fn new(name: String, size: usize, took: Vec<std::time::Duration>) -> Result<Self, Error> {
        let samples = Samples::new(took);
        let samples = samples.ok_or_else(|| Error::new(format!("{name} was not measured")))?;
        Ok(Self {
            name,
            size,
            samples,
        })
    }

    /// The row for programs.
    pub fn json(&self) -> Value {
        json!({ "name": self.name, "size": self.size, "warm": times(&self.samples) })
    }
}

/// Writes the rows as a table.
pub fn table(rows: &[Row]) -> Table<4> {
    let right = Align::Right;
    let mut table = Table::new([Align::Left, right, right, right]);
    table.push(["as it grows", "p50", "p99", "calls"].map(str::to_owned));
    for row in rows {
        table.push([
            row.name.clone(),
            milliseconds(row.samples.median(), 2),
            milliseconds(row.samples.percentile(99), 2),
            thousands(row.samples.count()),
        ]);
    }
    table
}

/// Reads page after page of longer and longer lists, from the newest on.
pub async fn pages(cloud: &Cloud) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    for size in ITEMS {
        let caller = Caller::register(cloud, &format!("pages-{size}")).await?;
        let first = caller.finish("flux-dev", PROMPT_MADE, "succeeded").await?;
        fill(cloud, &first.id, size).await?;
        let list = "/generations?limit=20";
        let mut path = list.to_owned();
        let mut took = Vec::with_capacity(PAGES);
        for _ in 0..PAGES {
            let page = caller.read(&path).await?;
            took.push(page.took);
            path = match page.text("/next_cursor") {
                Ok(cursor) => format!("{list}&cursor={cursor}"),
                Err(_) => list.to_owned(),
            };
        }
        let name = format!("GET /generations among {}", thousands(size));
        rows.push(Row::new(name, size, took)?);
    }
    Ok(rows)
}

/// Copies a generation until its owner has `size` of them.
async fn fill(cloud: &Cloud, first: &str, size: usize) -> Result<(), Error> {
    let doing = "generations cannot be copied";
    let aws = cloud.aws();
    let pattern = aws.item(TABLE, json!({ "id": { "S": first } })).await;
    let pattern = pattern.map_err(because(doing))?;
    let pattern = pattern.ok_or_else(|| Error::new("a generation is not in its table"))?;
    for portion in (1..size).collect::<Vec<_>>().chunks(PORTION) {
        let copies = portion.iter().map(|&number| {
            let seconds = i64::try_from(number).unwrap_or_default();
            let at = Timestamp::from_ms(OLDEST_MS + seconds * 1_000);
            // The second part keeps the ids of different owners apart.
            let id = GenerationId::new(at, size as u128);
            let mut copy = pattern.clone();
            copy["id"] = json!({ "S": id.to_string() });
            copy
        });
        let imported = aws.import(TABLE, copies.collect()).await;
        imported.map_err(because(doing))?;
    }
    Ok(())
}

/// Submits in turn for more and more tenants.
pub async fn tenants(cloud: &Cloud) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut callers: Vec<Caller> = Vec::new();
    for size in TENANTS {
        while callers.len() < size {
            let caller = Caller::register(cloud, &format!("tenant-{}", callers.len())).await?;
            callers.push(caller);
        }
        let mut took = Vec::with_capacity(SUBMITS);
        for number in 0..SUBMITS {
            let caller = &callers[number % size];
            // The authorizer's answer is cached from here on, as in every other row.
            caller.read("/credits").await?;
            let job = caller.finish("flux-dev", PROMPT_REFUSED, "failed").await?;
            took.push(job.submit);
        }
        let of = if size == 1 { "tenant" } else { "tenants" };
        let name = format!("POST /generations/flux-dev by {} {of}", thousands(size));
        rows.push(Row::new(name, size, took)?);
    }
    Ok(rows)
}
