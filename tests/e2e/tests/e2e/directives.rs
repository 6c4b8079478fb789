//! Everything that a provider can do to a job: it ends delivered or refunded, once, with one job at the
//! provider.

use serde_json::{Value, json};

use crate::harness::{Cloud, Person, eventually};

const BONUS: (&str, i64, i64) = ("bonus", 1_000, 0);
const HOLD: (&str, i64, i64) = ("hold", -25, 25);
const CAPTURE: (&str, i64, i64) = ("capture", 0, -25);
const RELEASE: (&str, i64, i64) = ("release", 25, -25);

/// A job that ends by itself: its prompt, its end, and the number of its jobs at the provider.
struct Case {
    directives: &'static str,
    error: Option<&'static str>,
    provider_jobs: usize,
}

const fn delivered(directives: &'static str) -> Case {
    Case {
        directives,
        error: None,
        provider_jobs: 1,
    }
}

const fn refunded(directives: &'static str, error: &'static str, provider_jobs: usize) -> Case {
    Case {
        directives,
        error: Some(error),
        provider_jobs,
    }
}

const CASES: [Case; 12] = [
    delivered("[[webhook:10]]"),
    delivered("[[webhook-first]]"),
    delivered("[[webhook-first]][[webhook:5]]"),
    delivered("[[drop-submit]]"),
    delivered("[[drop-submit]][[webhook-first]][[webhook:3]]"),
    delivered("[[reject:503:2]]"),
    refunded("[[submit:422/typed=sequence_too_long]]", "invalid_input", 0),
    refunded("[[fail]]", "provider_error", 1),
    refunded("[[fail]][[webhook:10]]", "provider_error", 1),
    refunded(
        "[[fail:content_policy_violation]]",
        "content_policy_violation",
        1,
    ),
    refunded("[[fail:generation_timeout]]", "provider_timeout", 1),
    refunded("[[nsfw]]", "content_flagged", 1),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_ends_delivered_or_refunded_exactly_once() {
    let cloud = Cloud::start().await;
    let ends = CASES.iter().enumerate().map(|(number, case)| {
        let cloud = &cloud;
        async move { check(cloud, number, case).await }
    });
    futures::future::join_all(ends).await;
    assert_eq!(cloud.dead_letters().await, 0);
}

async fn check(cloud: &Cloud, number: usize, case: &Case) {
    let ada = cloud.person().await;
    let name = format!("case {number:02}");
    let prompt = format!("{name} {}", case.directives);
    let id = ada.generate("flux-dev", &prompt).await;
    let (status, end) = match case.error {
        None => ("succeeded", CAPTURE),
        Some(_) => ("failed", RELEASE),
    };
    let done = ada.when(&id, status).await;
    let error = done["error"]["code"].as_str();
    assert_eq!(error, case.error, "{prompt}: {done:#}");
    let message = done["error"]["message"].as_str().unwrap_or_default();
    assert!(!message.contains("http"), "{message}");

    let jobs = cloud.provider_jobs(&name).await;
    assert_eq!(jobs.len(), case.provider_jobs, "{prompt}");
    settle_down(cloud, &jobs).await;
    let books = ada.books().await;
    assert_eq!(books.lines(), [BONUS, HOLD, end], "{prompt}");
    assert_eq!(ada.generation(&id).await["status"], status, "{prompt}");
}

/// Waits until the provider has sent every webhook that it was told to, and each has been dealt with.
pub async fn settle_down(cloud: &Cloud, jobs: &[Value]) {
    let Some(job) = jobs.first() else { return };
    let prompt = job["input"]["prompt"].as_str().unwrap();
    let times = prompt.split("[[webhook:").nth(1);
    let times = times.map_or(1, |rest| rest.split(']').next().unwrap().parse().unwrap());
    eventually(&format!("{times} webhooks of {prompt}"), || async {
        let jobs = cloud.provider_jobs(prompt).await;
        (jobs[0]["webhooks_sent"].as_u64().unwrap() >= times).then_some(())
    })
    .await;
    eventually("the settle queue to be empty", || async {
        let queues = cloud.local("queues").await;
        let busy = queues.iter().any(|queue| {
            queue["name"].as_str().unwrap().ends_with("settlequeue")
                && (queue["visible"] != 0 || queue["in_flight"] != 0)
        });
        (!busy).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sweep_ends_the_same_jobs_the_same_way_without_a_webhook() {
    let cloud = Cloud::start().await;
    let cases = [
        ("[[no-webhook]][[fail]]", "failed", RELEASE),
        (
            "[[no-webhook]][[fail:content_policy_violation]]",
            "failed",
            RELEASE,
        ),
        ("[[no-webhook]][[nsfw]]", "failed", RELEASE),
        ("[[no-webhook]][[reject:503:1]]", "succeeded", CAPTURE),
        ("[[no-webhook]]", "succeeded", CAPTURE),
    ];
    let ends = cases.iter().map(|(directives, status, end)| {
        let cloud = &cloud;
        async move {
            let ada = cloud.person().await;
            let id = ada.generate("flux-dev", directives).await;
            ada.when_swept(&id, status).await;
            assert_eq!(ada.books().await.lines(), [BONUS, HOLD, *end]);
        }
    });
    futures::future::join_all(ends).await;
    assert_eq!(cloud.local("fal/jobs").await.len(), cases.len());
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test]
async fn a_job_past_its_deadline_is_cancelled_at_the_provider_and_settled_by_the_answer() {
    let cloud = Cloud::start_with(&[("JobDeadlineMinutes", "0.01")]).await;
    let ada = cloud.person().await;
    let lost = ada.generate("flux-dev", "[[lost]]").await;
    let done = ada.when_swept(&lost, "canceled").await;
    assert_eq!(done["receipt"]["released"], 25);

    // To the provider, the cancel is only a wish: it finishes, and its output is delivered and paid for.
    let late = ada
        .generate("flux-dev", "[[no-cancel]][[delay:4s]][[no-webhook]]")
        .await;
    ada.when_swept(&late, "succeeded").await;
    let books = ada.books().await;
    assert_eq!(books.lines(), [BONUS, HOLD, RELEASE, HOLD, CAPTURE]);
}

#[tokio::test]
async fn a_webhook_that_is_sent_again_after_the_end_changes_nothing() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", "again and again").await;
    ada.when(&id, "succeeded").await;
    let before = ada.books().await.entries;

    let job = &cloud.provider_jobs("again and again").await[0];
    let path = format!("fal/jobs/{}/webhook", job["request_id"].as_str().unwrap());
    for again in [json!({"times": 5}), json!({"times": 2, "status": "ERROR"})] {
        let sent = cloud.act(&path, &again).await;
        let statuses = sent["statuses"].as_array().unwrap();
        assert!(statuses.iter().all(|status| *status == 204), "{sent}");
    }
    settle_down(&cloud, &[]).await;
    assert_eq!(ada.books().await.entries, before);
    assert_eq!(ada.generation(&id).await["status"], "succeeded");
}

#[tokio::test]
async fn a_webhook_that_is_too_old_or_from_the_future_is_refused() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = running_without_webhook(&ada).await;
    let job = &cloud.provider_jobs("no-webhook").await[0];
    let path = format!("fal/jobs/{}/webhook", job["request_id"].as_str().unwrap());
    for offset in [-301, -86_400, 301, 86_400] {
        let sent = cloud
            .act(&path, &json!({"times": 1, "timestamp_offset_s": offset}))
            .await;
        assert_eq!(sent["statuses"], json!([401]), "{offset}");
    }
    assert_eq!(ada.generation(&id).await["status"], "running");
    let sent = cloud.act(&path, &json!({"times": 1})).await;
    assert_eq!(sent["statuses"], json!([204]));
    ada.when(&id, "succeeded").await;
}

async fn running_without_webhook(person: &Person<'_>) -> String {
    let id = person
        .generate("flux-dev", "[[no-webhook]][[delay:1ms]]")
        .await;
    person.when(&id, "running").await;
    id
}
