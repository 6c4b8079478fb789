//! The calls of each endpoint and each worker to AWS once it is warm, and their order in time. The list is
//! `calls.txt`: `+` joins calls that are made at the same time, and a call after `>` waits for those before
//! it. This is the cost of a request in time and in money: a further call is a decision, and is made there.

mod journey;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use fakeaws::Call;
use journey::{act, journey};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Cloud, PASSWORD, Person, eventually};
use crate::rate_limits::limited;

const LIST: &str = include_str!("calls.txt");
/// The time after which each call is answered: calls that do not wait for one another are then under way
/// together even when the machine is busy.
const ANSWER_AFTER: Duration = Duration::from_millis(200);
/// The most rounds until one agrees with the list.
const ROUNDS_MAX: usize = 5;

/// The observed calls, by act.
struct Sheet<'a> {
    cloud: &'a Cloud,
    seen: BTreeMap<String, String>,
    /// The functions that were noted in this round, each with its special circumstance.
    noted: BTreeSet<String>,
}

impl<'a> Sheet<'a> {
    fn new(cloud: &'a Cloud) -> Self {
        Self {
            cloud,
            seen: BTreeMap::new(),
            noted: BTreeSet::new(),
        }
    }

    /// Does something, and notes the calls that these functions made for it. Each is a function's name,
    /// followed by the special circumstance if there is one.
    async fn note<T>(&mut self, functions: &[&str], doing: impl Future<Output = T>) -> T {
        self.quiet().await;
        let aws = self.cloud.stack.aws();
        aws.take_calls();
        let done = doing.await;
        self.quiet().await;
        let calls = aws.take_calls();
        for what in functions {
            let function = what.split(',').next().unwrap();
            self.noted.insert((*what).to_owned());
            let own = calls.iter().filter(|call| call.role == function);
            let seen = steps(own.collect());
            let kept = self
                .seen
                .entry((*what).to_owned())
                .or_insert_with(|| seen.clone());
            // A busy machine makes calls wait that need not, and a schedule adds some.
            let size = |seen: &str| (seen.matches('>').count(), seen.len());
            if size(&seen) < size(kept) {
                *kept = seen;
            }
        }
        done
    }

    fn lines(&self) -> Vec<String> {
        let width = self.seen.keys().map(String::len).max().unwrap_or(0);
        let lines = self.seen.iter();
        let lines = lines.map(|(what, steps)| format!("{what:width$}  {steps}"));
        lines.collect()
    }

    /// Waits until no worker has anything to do.
    async fn quiet(&self) {
        eventually("the workers", || async {
            let queues = self.cloud.local("queues").await;
            let waiting = |queue: &Value| ["visible", "in_flight"].map(|name| queue[name].as_u64());
            let is_idle = |queue: &Value| waiting(queue) == [Some(0), Some(0)];
            queues.iter().all(is_idle).then_some(())
        })
        .await;
    }
}

/// Orders calls into steps: a call that began after another had ended is in a later step. `2 GetItem + Query
/// > PutItem`.
fn steps(mut calls: Vec<&Call>) -> String {
    calls.sort_by_key(|call| call.began);
    let mut placed: Vec<(usize, Instant)> = Vec::new();
    let mut steps: Vec<BTreeMap<&str, usize>> = Vec::new();
    for call in calls {
        let before = placed.iter().filter(|(_, ended)| *ended <= call.began);
        let step = before.map(|(step, _)| step + 1).max().unwrap_or(0);
        placed.push((step, call.ended));
        steps.resize_with(steps.len().max(step + 1), BTreeMap::new);
        *steps[step].entry(&call.operation).or_default() += 1;
    }
    let step = |step: &BTreeMap<&str, usize>| {
        let calls = step.iter().map(|(operation, count)| match count {
            1 => (*operation).to_owned(),
            _ => format!("{count} {operation}"),
        });
        calls.collect::<Vec<_>>().join(" + ")
    };
    match steps.is_empty() {
        true => "nothing".to_owned(),
        false => steps.iter().map(step).collect::<Vec<_>>().join(" > "),
    }
}

/// Adds the lines of functions that the list does not name yet. A line that is there is changed by hand: a
/// call more is a decision.
fn write_new(seen: &[String]) {
    let name = |line: &str| line.split("  ").next().unwrap_or_default().to_owned();
    let listed: BTreeMap<String, &str> = LIST.lines().map(|line| (name(line), line)).collect();
    let new = seen.iter().map(|line| (name(line), line.as_str()));
    let mut all: BTreeMap<String, &str> = new.collect();
    all.extend(listed);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/calls.txt");
    let text: String = all.values().map(|line| format!("{line}\n")).collect();
    std::fs::write(path, text).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_and_every_worker_asks_aws_for_what_is_listed() {
    let cloud = limited(&[]).await;
    let admin = Person::register_as(&cloud, ADMIN_EMAIL).await;
    cloud.verify_by_hand(&admin).await;
    let own = format!("/admin/users/{}", admin.id);
    act(&admin, Method::PATCH, &own, &json!({"plan": "enterprise"})).await;
    cloud.stack.forget_callers();
    let mut sheet = Sheet::new(&cloud);
    // The first time, functions start: they connect, and fetch what they need only once.
    cloud.stack.aws().watch_calls(Duration::ZERO);
    journey(&mut sheet, &admin, 0).await;
    let cold = std::mem::take(&mut sheet.seen);
    cloud.stack.aws().watch_calls(ANSWER_AFTER);
    let mut seen = Vec::new();
    for round in 1..=ROUNDS_MAX {
        // All rounds together may last longer than an access token.
        let admin = admin.sign_in(PASSWORD).await;
        journey(&mut sheet, &admin, round).await;
        seen = sheet.lines();
        if seen.iter().map(String::as_str).eq(LIST.lines()) {
            break;
        }
    }
    for function in std::fs::read_dir(stack::workspace_root().join("events")).unwrap() {
        let function = function.unwrap().path();
        let function = function.file_stem().unwrap().to_str().unwrap();
        let is_used = sheet.seen.contains_key(function);
        assert!(is_used, "{function} was not used");
    }
    for (what, steps) in sheet.seen.iter().filter(|(_, steps)| *steps == "nothing") {
        assert_eq!(cold[what], *steps, "{what} has nobody to connect to");
    }
    if std::env::var_os("WRITE_CALLS").is_some() {
        write_new(&seen);
    }
    let is_unlisted = |line: &&String| !LIST.lines().any(|listed| listed == *line);
    let unlisted: Vec<&String> = seen.iter().filter(is_unlisted).collect();
    let unseen = LIST
        .lines()
        .filter(|line| !seen.iter().any(|seen| seen == line));
    let unseen: Vec<&str> = unseen.collect();
    let cause = "calls.txt does not list what was asked";
    assert!(
        unlisted.is_empty() && unseen.is_empty(),
        "{cause}: {unlisted:#?}\ninstead of {unseen:#?}"
    );
}

#[tokio::test]
async fn a_function_is_connected_before_its_first_request() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    cloud.stack.aws().watch_calls(ANSWER_AFTER);
    let mut sheet = Sheet::new(&cloud);
    let read = ["accounts-authorize", "credits-balance"];
    sheet.note(&read, ada.get("/credits")).await.expect(200);
    let order = ada.generate("flux-dev", "A red fox");
    sheet.note(&["generations-create"], order).await;
    let seen: Vec<&str> = sheet.seen.values().map(String::as_str).collect();
    let expected = [
        "GetItem > BatchGetItem",
        "GetItem > GetItem",
        "GetItem + GetQueueAttributes > BatchGetItem > TransactWriteItems > SendMessage",
    ];
    assert_eq!(seen, expected);
}
