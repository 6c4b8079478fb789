//! The platform's counters as Prometheus reads them.
//!
//! The counters are sums over all wallets from the last finished run of reconciliation. They are at most a
//! day old, and are never computed for a request.

use std::fmt::Write as _;

use domain::reconciliation::Run;

/// The media type of Prometheus's text format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the body of `GET /metrics`. It is empty until the first run has finished.
#[must_use]
pub fn text(run: Option<&Run>) -> String {
    let mut page = MetricsText::default();
    let Some((run, finished_at)) = run.and_then(|run| Some((run, run.finished_at?))) else {
        return page.0;
    };
    let totals = &run.totals;
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let (spendable, held) = (
        "Credits that can be spent.",
        "Credits set aside for jobs in flight.",
    );
    let owed = "Credits whose money went back when they were spent.";
    page.gauge("wallets", "Wallets.", count(run.wallets));
    page.gauge("credits_available", spendable, totals.available);
    page.gauge("credits_held", held, totals.held);
    page.gauge("credits_owed", owed, totals.owed);
    let (granted, spent) = ("Credits ever granted or bought.", "Credits ever captured.");
    page.counter("credits_granted_total", granted, totals.granted);
    page.counter("credits_spent_total", spent, totals.spent);
    page.gauge(
        "jobs_in_flight",
        "Jobs whose hold is open.",
        totals.in_flight,
    );
    page.counter("bookings_total", "Ledger entries.", totals.bookings);
    let broken = "Findings of the last check of the books.";
    page.gauge("books_broken", broken, count(run.broken));
    let when = "When these numbers were summed up.";
    page.gauge("rollup_timestamp_seconds", when, finished_at.seconds());
    page.0
}

/// The text of the counters, one after the other.
#[derive(Default)]
struct MetricsText(String);

impl MetricsText {
    fn gauge(&mut self, name: &str, help: &str, value: i64) {
        self.add(name, "gauge", help, value);
    }

    fn counter(&mut self, name: &str, help: &str, value: i64) {
        self.add(name, "counter", help, value);
    }

    fn add(&mut self, name: &str, kind: &str, help: &str, value: i64) {
        // Writing to a text cannot fail.
        let _ = write!(
            self.0,
            "# HELP velro_{name} {help}\n# TYPE velro_{name} {kind}\nvelro_{name} {value}\n"
        );
    }
}
