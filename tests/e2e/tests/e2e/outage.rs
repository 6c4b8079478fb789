//! The provider fails everybody: accepted jobs wait and are delivered afterwards, new ones are refused before
//! anything is held, and nobody keeps trying in vain.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::evidence::hastened;
use crate::harness::{Cloud, eventually};

const LOCKED: &str = "403/detail";

async fn set_mood(cloud: &Cloud, mood: &Value) {
    cloud.act("fal/mood", mood).await;
}

/// A cloud whose breaker opens after this many failures, and lets one job try again half a second later.
async fn cloud(failures_max: &str) -> Cloud {
    Cloud::start_with(&[
        ("ProviderFailuresMax", failures_max),
        ("ProviderPauseSeconds", "2"),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_into_a_locked_account_are_all_delivered_after_it_and_later_ones_hold_nothing() {
    const ORDERS: usize = 20;
    let cloud = cloud("25").await;
    cloud.expects_faults();
    let (ada, bob) = (cloud.person().await, cloud.person().await);
    set_mood(&cloud, &json!({"submit": LOCKED})).await;
    let orders = (0..ORDERS).map(|n| {
        let ada = &ada;
        async move {
            ada.generate("flux-dev", &format!("order {n} [[delay:1ms]]"))
                .await
        }
    });
    let ids = join_all(orders).await;

    // Twenty jobs and their quick retries are more failures than the breaker lets pass.
    let refused = eventually("an order to be refused", || async {
        let body = json!({"prompt": "too late [[delay:1ms]]"});
        let answer = bob.post("/generations/flux-dev", &body).await;
        (answer.status != 202).then_some(answer)
    })
    .await;
    refused.problem(503, "provider_unavailable");
    let retry_after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=240).contains(&retry_after), "{retry_after}");
    let taken = bob.books().await.count("hold");
    // The same holds when the pause is over, and one of the waiting jobs tries again.
    let several_pauses = Instant::now() + Duration::from_secs(7);
    while Instant::now() < several_pauses {
        let body = json!({"prompt": "too late, again [[delay:1ms]]"});
        let answer = bob.post("/generations/flux-dev", &body).await;
        answer.problem(503, "provider_unavailable");
        cloud.sweep().await;
    }
    assert_eq!(bob.books().await.count("hold"), taken);
    let listed = bob.get("/generations?limit=100").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), taken);
    let health = cloud.get("/health").await;
    assert_eq!(health.status, 503);
    assert_eq!(health.body["checks"]["provider"], "down");
    assert_eq!(cloud.local("fal/jobs").await.len(), 0);

    set_mood(&cloud, &json!({})).await;
    let delivered = async {
        for id in &ids {
            ada.when(id, "succeeded").await;
        }
    };
    hastened(&cloud, delivered).await;
    let books = ada.books().await;
    assert_eq!(
        (books.count("capture"), books.count("release")),
        (ORDERS, 0)
    );
    assert_eq!(cloud.provider_jobs("order ").await.len(), ORDERS);
    assert_eq!(cloud.get("/health").await.status, 200);
    let next = bob.generate("flux-dev", "works again").await;
    hastened(&cloud, bob.when(&next, "succeeded")).await;
}

#[tokio::test]
async fn while_the_provider_is_left_alone_one_job_at_a_time_tries_it_again() {
    let cloud = cloud("1").await;
    cloud.expects_faults();
    let ada = cloud.person().await;
    set_mood(&cloud, &json!({"submit": LOCKED})).await;
    let id = ada.generate("flux-dev", "knocks").await;
    eventually("the breaker to open", || async {
        let body = json!({"prompt": "knocks, too"});
        let answer = ada.post("/generations/flux-dev", &body).await;
        (answer.status == 503).then_some(())
    })
    .await;
    let opened = cloud
        .faults()
        .iter()
        .filter(|line| line.contains("the provider fails every job"))
        .count();
    assert_eq!(
        opened,
        1,
        "the operator is told once: {:#?}",
        cloud.faults()
    );
    set_mood(&cloud, &json!({})).await;
    hastened(&cloud, ada.when(&id, "succeeded")).await;
}

#[tokio::test]
async fn a_job_that_the_provider_never_takes_is_refunded_when_its_patience_ends() {
    let cloud = Cloud::start_with(&[("SubmitPatienceMinutes", "0.05")]).await;
    let ada = cloud.person().await;
    for answer in ["401", "403/detail", "429", "503", "422/detail", "404"] {
        let prompt = format!("never [[submit:{answer}]]");
        let id = ada.generate("flux-dev", &prompt).await;
        let done = hastened(&cloud, ada.when(&id, "failed")).await;
        assert_eq!(done["error"]["code"], "provider_unavailable", "{answer}");
        assert_eq!(done["receipt"]["released"], 25, "{answer}");
    }
    assert_eq!(cloud.local("fal/jobs").await.len(), 0);
    assert_eq!(ada.books().await.balance(), (1_000, 0));
}
