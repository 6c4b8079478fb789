//! The control surface.

use serde_json::{Value, json};

use crate::harness::Cloud;

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_can_be_run_now() {
    let cloud = Cloud::start().await;
    let (status, run) = cloud.post_local("schedules/nightly/run").await;
    assert_eq!(status, 200);
    assert_eq!(run["status"], "succeeded");
    assert_eq!(run["result"], json!({ "ran": "Scheduled Event" }));
    assert!(run["duration_ms"].is_number());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_exist_is_a_404() {
    let cloud = Cloud::start().await;
    let paths = [
        "functions/nobody/kill",
        "schedules/nobody/run",
        "schedules/main/run",
        "fal/jobs/nothing/webhook",
        "stripe/sessions/nothing/complete",
        "stripe/events/nothing/resend",
        "stripe/nothing",
        "nothing",
    ];
    for path in paths {
        let (status, body) = cloud.post_local(path).await;
        assert_eq!(status, 404, "{path}");
        assert!(body["message"].is_string());
    }
    for path in ["functions", "fal/jobs"] {
        assert_eq!(cloud.post_local(path).await.0, 405, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_mood_can_be_set_and_looked_at() {
    let cloud = Cloud::start().await;
    let url = format!("{}/_local/fal/mood", cloud.stack.origin());
    let mood = async || {
        let answer = cloud.client.get(&url).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    assert_eq!(mood().await, json!({}));
    let bad = json!({ "submit": "403/detail", "status": "hang", "concurrency": 2 });
    let set = cloud.client.post(&url).json(&bad).send().await.unwrap();
    assert_eq!(set.status(), 200);
    assert_eq!(set.json::<Value>().await.unwrap(), bad);
    assert_eq!(mood().await, bad);

    for wrong in [
        json!({ "submit": "odd" }),
        json!({ "odd": "504" }),
        json!(504),
    ] {
        let refused = cloud.client.post(&url).json(&wrong).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{wrong}");
    }
    assert_eq!(mood().await, bad, "what is refused changes nothing");
    assert_eq!(cloud.post_local("fal/mood").await, (200, json!({})));
    assert_eq!(mood().await, json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_is_there_and_the_functions_are_named_by_their_binaries() {
    let cloud = Cloud::start().await;
    let names = cloud.list("functions").await;
    let names: Vec<&str> = names
        .iter()
        .filter_map(|function| function["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "authorizer",
            "impatient",
            "main",
            "never-starts",
            "nightly",
            "worker"
        ]
    );
    assert_eq!(cloud.list("queues").await.len(), 2);
    assert!(cloud.list("mail").await.is_empty());
    assert!(cloud.list("fal/jobs").await.is_empty());
    assert!(cloud.list("stripe/sessions").await.is_empty());
    assert!(cloud.list("stripe/events").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_refused() {
    let cloud = Cloud::start().await;
    let url = format!("{}/_local/functions", cloud.stack.origin());
    let answer = cloud
        .client
        .get(url)
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 403);
}
