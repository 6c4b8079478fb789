//! The books: ledger and wallet must agree after everything that can happen.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Person;

/// A wallet and its whole ledger, oldest first.
#[derive(Clone, Debug)]
pub struct Books {
    pub wallet: Value,
    pub entries: Vec<Value>,
}

impl Person<'_> {
    /// Reads the books, and checks that they are in order. Reads them again if they were written meanwhile.
    pub async fn books(&self) -> Books {
        self.books_at("/credits").await
    }

    /// Reads the books of a team, which this person must be allowed to see.
    pub async fn team_books(&self, team: &str) -> Books {
        self.books_at(&format!("/teams/{team}/credits")).await
    }

    async fn books_at(&self, at: &str) -> Books {
        loop {
            let wallet = self.get(at).await.expect(200);
            let entries = self.entries(at).await;
            if self.get(at).await.expect(200) == wallet {
                let books = Books { wallet, entries };
                books.check();
                return books;
            }
        }
    }

    async fn entries(&self, at: &str) -> Vec<Value> {
        let mut entries = Vec::new();
        let first = format!("{at}/transactions?limit=100");
        let mut path = first.clone();
        loop {
            let page = self.get(&path).await.expect(200);
            entries.extend(page["data"].as_array().unwrap().iter().cloned());
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("{first}&cursor={cursor}");
        }
        entries.reverse();
        entries
    }
}

impl Books {
    /// `available` and `held`.
    pub fn balance(&self) -> (i64, i64) {
        (
            number(&self.wallet, "available"),
            number(&self.wallet, "held"),
        )
    }

    /// The bookings, oldest first: the kind, the change of `available`, the change of `held`.
    pub fn lines(&self) -> Vec<(&str, i64, i64)> {
        let line = |entry| {
            (
                text(entry, "kind"),
                number(entry, "available_delta"),
                number(entry, "held_delta"),
            )
        };
        self.entries.iter().map(line).collect()
    }

    /// The number of entries of this kind.
    pub fn count(&self, kind: &str) -> usize {
        let is_kind = |entry: &&Value| entry["kind"] == kind;
        self.entries.iter().filter(is_kind).count()
    }

    /// Checks that every entry follows from the one before it, that none goes below zero, that each job is
    /// held once and ended at most once to the last credit, and that the sum is the wallet.
    fn check(&self) {
        let (mut available, mut held, mut owed) = (0, 0, 0);
        let mut jobs: BTreeMap<&str, OfJob> = BTreeMap::new();
        let mut before = "";
        for entry in &self.entries {
            available += number(entry, "available_delta");
            held += number(entry, "held_delta");
            owed += number(entry, "owed_delta");
            assert!(available >= 0 && held >= 0, "below zero at {entry}");
            assert_eq!(number(entry, "available_after"), available, "{entry}");
            assert_eq!(number(entry, "held_after"), held, "{entry}");
            let (amount, kind) = (number(entry, "amount"), text(entry, "kind"));
            let deltas = match kind {
                "hold" => (-amount, amount),
                "capture" => (0, -amount),
                "release" => (amount, -amount),
                _ => (number(entry, "available_delta"), 0),
            };
            assert!(amount > 0, "{entry}");
            assert_eq!(number(entry, "available_delta"), deltas.0, "{entry}");
            assert_eq!(number(entry, "held_delta"), deltas.1, "{entry}");
            if let Some(job) = entry["generation_id"].as_str() {
                jobs.entry(job).or_default().add(job, entry, before);
            }
            before = text(entry, "id");
        }
        jobs.iter().for_each(|(job, of_job)| of_job.check(job));
        assert_eq!(self.balance(), (available, held), "{:#?}", self.entries);
        assert_eq!(number(&self.wallet, "owed"), owed, "{:#?}", self.entries);
    }
}

/// The bookings for a job.
#[derive(Default)]
struct OfJob<'a> {
    /// The ends of its entries' ids, in order.
    endings: Vec<&'a str>,
    held: i64,
}

impl<'a> OfJob<'a> {
    fn add(&mut self, job: &str, entry: &'a Value, before: &str) {
        let event = format!("txn_{}-", job.trim_start_matches("gen_"));
        let ending = text(entry, "id").strip_prefix(&event);
        let ending = ending.unwrap_or_else(|| panic!("{entry} is named for another event"));
        let kind = match ending {
            // It is booked at once with the capture of the rest.
            "withheld" => {
                assert_eq!(before, format!("{event}capture"), "{entry}");
                "release"
            }
            kind => kind,
        };
        assert_eq!(text(entry, "kind"), kind, "{entry}");
        self.endings.push(ending);
        self.held += number(entry, "held_delta");
    }

    fn check(&self, job: &str) {
        let (endings, held) = (&self.endings, self.held);
        let is_in_order = match endings.as_slice() {
            ["hold"] => held > 0,
            ["hold", "capture" | "release"]
            | ["hold", "capture", "withheld" | "refund"]
            | ["hold", "capture", "withheld", "refund"] => held == 0,
            _ => false,
        };
        assert!(is_in_order, "{job}: {endings:?}, and {held} held");
    }
}

fn number(value: &Value, field: &str) -> i64 {
    value[field]
        .as_i64()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {value}"))
}
