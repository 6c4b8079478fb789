//! Queues that call functions.

use crate::harness::{Cloud, eventually};

async fn is_empty(cloud: &Cloud, queue: &str) -> bool {
    let queue = cloud.queue(queue).await;
    queue["visible"] == 0 && queue["in_flight"] == 0 && queue["delayed"] == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_reaches_its_function_and_is_deleted() {
    let cloud = Cloud::start().await;
    cloud.send("one").await;
    eventually("it is done", async || {
        cloud.logged("worker | done one") == 1
    })
    .await;
    eventually("the queue is empty", async || {
        is_empty(&cloud, "velro-local-jobs").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_messages_reported_as_failed_come_back() {
    let cloud = Cloud::start().await;
    for body in ["good", "fail-once"] {
        cloud.send(body).await;
    }
    eventually("it is done", async || {
        cloud.logged("worker | done fail-once") == 1
    })
    .await;
    eventually("the queue is empty", async || {
        is_empty(&cloud, "velro-local-jobs").await
    })
    .await;
    cloud.expect_logged("worker | received good 1", 1).await;
    assert_eq!(cloud.logged("worker | received good 2"), 0);
    cloud
        .expect_logged("worker | received fail-once 2", 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_or_a_crash_brings_the_batch_back() {
    let cloud = Cloud::start().await;
    for body in ["error-once", "crash-once"] {
        cloud.send(body).await;
        let done = format!("worker | done {body}");
        eventually("it is done", async || cloud.logged(&done) == 1).await;
    }
    eventually("the queue is empty", async || {
        is_empty(&cloud, "velro-local-jobs").await
    })
    .await;
    assert!(is_empty(&cloud, "velro-local-dead").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_always_fails_goes_to_the_dead_letter_queue() {
    let cloud = Cloud::start().await;
    // It takes longer than its function may, every time.
    cloud.send("slow").await;
    eventually("it is dead", async || {
        cloud.queue("velro-local-dead").await["visible"] == 1
    })
    .await;
    assert!(is_empty(&cloud, "velro-local-jobs").await);
    cloud.expect_logged("worker | received slow 3", 1).await;
    assert_eq!(cloud.logged("worker | received slow 4"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_runs_no_more_calls_at_once_than_it_may() {
    let cloud = Cloud::start().await;
    for body in 0..40 {
        cloud.send(&body.to_string()).await;
    }
    eventually("the queue is empty", async || {
        is_empty(&cloud, "velro-local-jobs").await
    })
    .await;
    let done = |line: &&String| line.starts_with("worker | done");
    assert_eq!(cloud.stack.logs().iter().filter(done).count(), 40);
    let worker = cloud.function("worker").await;
    assert!(worker["cold_starts"].as_u64().unwrap() <= 2, "{worker}");
}
