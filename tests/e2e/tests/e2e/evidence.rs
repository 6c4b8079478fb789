//! Every answer that a provider's infrastructure can give, at every stage of a job: a passing fault is waited
//! for, a lasting one ends the job by the operator's policy, and neither is taken for the model's word.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person, eventually};

/// Answers that say nothing about a job.
const ANSWERS: [&str; 16] = [
    "401",
    "403/detail",
    "404",
    "408",
    "409",
    "422/detail",
    "425",
    "429",
    "500",
    "502/html",
    "503",
    "504/detail",
    "302",
    "200/empty",
    "200/cut",
    "200/null",
];
/// The answers after which nobody knows whether a submit was accepted.
const AMBIGUOUS: [&str; 6] = [
    "500",
    "502/html",
    "504/detail",
    "200/empty",
    "200/cut",
    "200/null",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Submit,
    Status,
    Result,
    Cancel,
    Media,
}

const STAGES: [Stage; 5] = [
    Stage::Submit,
    Stage::Status,
    Stage::Result,
    Stage::Cancel,
    Stage::Media,
];

/// One person's jobs: each meets another answer at the same stage.
#[derive(Clone, Copy, Debug)]
struct Row {
    stage: Stage,
    /// The number of times that each answer is given; `None` for ever.
    times: Option<u32>,
    webhook: bool,
}

/// The end of a job: its status, and the code of its error.
type End = (&'static str, Option<&'static str>);

const DELIVERED: End = ("succeeded", None);
const CANCELED: End = ("canceled", Some("canceled"));

impl Row {
    fn prompt(self, answer: &str, person: &Person<'_>) -> String {
        let stage = format!("{:?}", self.stage).to_lowercase();
        let times = self
            .times
            .map_or(String::new(), |times| format!(":{times}"));
        let mood = match (self.stage, answer) {
            // Half a picture with the right length looks like a whole one: here the connection ends instead.
            (Stage::Media, "200/cut") => format!("[[media-cut:100{times}]]"),
            _ => format!("[[{stage}:{answer}{times}]]"),
        };
        let webhook = if self.webhook { "" } else { "[[no-webhook]]" };
        let course = match self.stage {
            Stage::Cancel if self.is_asked_twice(answer) => "[[delay:8s]]",
            Stage::Cancel => "[[lost]]",
            Stage::Submit | Stage::Status | Stage::Result | Stage::Media => "[[delay:1ms]]",
        };
        format!("{} {answer} {mood}{webhook}{course}", person.id)
    }

    /// Whether two workers may ask for the same cancel at once, so that the provider obeys the second
    /// request.
    fn is_asked_twice(self, answer: &str) -> bool {
        self.stage == Stage::Cancel && self.times.is_some() && answer.starts_with("200")
    }

    /// The end of a job if the answer passes, or if it lasts.
    fn end(self, answer: &str) -> End {
        let lasts = self.times.is_none();
        let is_ambiguous = AMBIGUOUS.contains(&answer);
        match self.stage {
            // Nobody knows the outcome, and nobody may try again: the policy decides.
            Stage::Submit if is_ambiguous => ("failed", Some("outcome_unknown")),
            Stage::Submit if lasts => ("failed", Some("provider_unavailable")),
            Stage::Status | Stage::Result if lasts && !self.webhook => {
                ("failed", Some("outcome_unknown"))
            }
            Stage::Cancel if lasts => ("failed", Some("outcome_unknown")),
            // A success means that the provider will try to cancel; this one does not try, and finishes the
            // job.
            Stage::Cancel if answer.starts_with("200") => DELIVERED,
            Stage::Cancel => CANCELED,
            Stage::Media if lasts => ("failed", Some("media_unavailable")),
            Stage::Submit | Stage::Status | Stage::Result | Stage::Media => DELIVERED,
        }
    }
}

async fn cancel_all(person: &Person<'_>, ids: &[String]) {
    for id in ids {
        person.when(id, "running").await;
        let path = format!("/generations/{id}/cancel");
        let answer = person.post(&path, &Value::Null).await;
        assert_eq!(answer.status, 202, "{:?}", answer.body);
    }
}

/// Runs one row to its end, while another task hastens the sweep.
async fn run(cloud: &Cloud, row: Row) {
    let person = cloud.person().await;
    let mut ids = Vec::new();
    for answer in ANSWERS {
        let prompt = row.prompt(answer, &person);
        ids.push(person.generate("flux-dev", &prompt).await);
    }
    if row.stage == Stage::Cancel {
        cancel_all(&person, &ids).await;
    }
    let mut delivered = 0;
    for (id, answer) in ids.iter().zip(ANSWERS) {
        let what = format!("{row:?} {answer}");
        let done = eventually(&what, || async {
            let generation = person.generation(id).await;
            let status = generation["status"].as_str().unwrap();
            matches!(status, "succeeded" | "failed" | "canceled").then_some(generation)
        })
        .await;
        let status = done["status"].as_str().unwrap();
        let ended = (status, done["error"]["code"].as_str());
        let is_raced = row.is_asked_twice(answer) && ended == CANCELED;
        assert!(is_raced || ended == row.end(answer), "{what}: {done:#}");
        delivered += usize::from(status == "succeeded");
    }
    check(cloud, row, &person, delivered).await;
}

async fn check(cloud: &Cloud, row: Row, person: &Person<'_>, delivered: usize) {
    let books = person.books().await;
    assert_eq!(books.count("capture"), delivered, "{row:?}");
    assert_eq!(books.count("release"), ANSWERS.len() - delivered, "{row:?}");
    assert_eq!(books.balance().1, 0, "{row:?}");
    let jobs = cloud.provider_jobs(&person.id).await;
    let prompts: Vec<_> = jobs
        .iter()
        .map(|job| job["input"]["prompt"].to_string())
        .collect();
    let mut distinct = prompts.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(
        prompts.len(),
        distinct.len(),
        "a job was made twice: {prompts:#?}"
    );
    // No hold is left that would prevent the deletion of the account.
    assert_eq!(person.erase().await.status, 204, "{row:?}");
}

/// Makes everything that waits due again and again, as if the pauses were short, until `rows` are done.
pub async fn hastened<T>(cloud: &Cloud, rows: impl Future<Output = T>) -> T {
    let hasten = async {
        loop {
            cloud.hasten_all().await;
            // A run that is killed meanwhile is followed by another.
            cloud.act("schedules/jobs-sweep/run", &json!({})).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        done = rows => done,
        () = hasten => unreachable!("it never ends"),
    }
}

/// A row for each stage, with webhooks and without.
fn rows(times: Option<u32>) -> Vec<Row> {
    let mut rows = Vec::new();
    for stage in STAGES {
        for webhook in [true, false] {
            rows.push(Row {
                stage,
                times,
                webhook,
            });
        }
    }
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_passes_costs_nobody_a_result_and_is_never_paid_for_twice() {
    // With this policy, a hold is freed soon after its job's outcome is unknown. Nothing but a submit can
    // make it so here.
    let cloud = Cloud::start_with(&[("UnknownHours", "0.004")]).await;
    // One after the other: all at once they take longer than a look waits, on a busy machine.
    for times in [1, 3] {
        let rows = rows(Some(times)).into_iter();
        hastened(&cloud, join_all(rows.map(|row| run(&cloud, row)))).await;
    }
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_lasts_frees_every_job_by_the_policy_and_keeps_none_running() {
    let cloud = Cloud::start_with(&[
        ("JobDeadlineMinutes", "0.2"),
        ("UnknownHours", "0.01"),
        ("SubmitPatienceMinutes", "0.6"),
        ("MediaPatienceMinutes", "0.2"),
    ])
    .await;
    let rows = rows(None).into_iter();
    hastened(&cloud, join_all(rows.map(|row| run(&cloud, row)))).await;
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test]
async fn a_submit_whose_answer_was_lost_is_delivered_by_its_webhook_and_never_made_again() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let mut ids = Vec::new();
    for answer in AMBIGUOUS {
        let prompt = format!("lost {answer} [[submit:{answer}]][[submit-accepted]][[delay:3s]]");
        ids.push(ada.generate("flux-dev", &prompt).await);
    }
    for id in &ids {
        ada.when(id, "succeeded").await;
    }
    assert_eq!(cloud.provider_jobs("lost").await.len(), AMBIGUOUS.len());
    assert_eq!(ada.books().await.count("capture"), AMBIGUOUS.len());
}

#[tokio::test]
async fn a_final_word_of_any_spelling_ends_a_job_and_an_unknown_one_does_not() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let cases = [
        ("FAILED", "failed", Some("provider_error")),
        ("Error", "failed", Some("provider_error")),
        ("cancelled", "canceled", Some("canceled")),
        ("timed out", "failed", Some("provider_timeout")),
        ("succeeded", "succeeded", None),
        // The word passes, and the result is fetched.
        ("HIBERNATING:2", "succeeded", None),
    ];
    for (word, status, code) in cases {
        let prompt = format!("[[word:{word}]][[no-webhook]][[delay:1ms]]");
        let id = ada.generate("flux-dev", &prompt).await;
        let done = ada.when_swept(&id, status).await;
        assert_eq!(done["error"]["code"].as_str(), code, "{word}");
    }
}

#[tokio::test]
async fn a_webhook_that_cannot_carry_the_result_has_the_job_asked_for() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for payload in ["null", "html", "plain", "empty"] {
        let prompt = format!("[[webhook-payload:{payload}]][[delay:1ms]]");
        let id = ada.generate("flux-dev", &prompt).await;
        ada.when(&id, "succeeded").await;
    }
}

#[tokio::test]
async fn a_refused_content_is_told_as_such_under_whatever_type() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for kind in [
        "content_policy_violation",
        "moderation_blocked",
        "nsfw_content_detected",
    ] {
        let id = ada.generate("flux-dev", &format!("[[fail:{kind}]]")).await;
        let done = ada.when(&id, "failed").await;
        assert_eq!(done["error"]["code"], "content_policy_violation", "{kind}");
    }
}
