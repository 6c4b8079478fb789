//! A submit whose outcome nobody knows: its hold stays until proof, or until the operator's policy.

use serde_json::json;

use crate::harness::Cloud;

const HOLD: (&str, i64, i64) = ("hold", -25, 25);
const RELEASE: (&str, i64, i64) = ("release", 25, -25);
const BONUS: (&str, i64, i64) = ("bonus", 1_000, 0);

const SILENT: &str = "[[drop-submit]][[no-webhook]][[delay:1ms]]";

#[tokio::test]
async fn nobody_resubmits_it_and_its_hold_stays_until_the_policy_gives_it_back() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", SILENT).await;
    let unknown = ada.when(&id, "unknown").await;
    assert_eq!(unknown["receipt"]["held"], 25);
    for _ in 0..3 {
        cloud.sweep().await;
    }
    assert_eq!(ada.generation(&id).await["status"], "unknown");
    assert_eq!(ada.books().await.balance(), (975, 25));

    let refunded = ada.when_swept(&id, "failed").await;
    assert_eq!(refunded["error"]["code"], "outcome_unknown");
    assert_eq!(refunded["receipt"]["released"], 25);
    assert_eq!(ada.books().await.lines(), [BONUS, HOLD, RELEASE]);
    assert_eq!(cloud.provider_jobs("drop-submit").await.len(), 1);
}

#[tokio::test]
async fn the_policy_comes_by_itself_after_the_hours_that_the_operator_set() {
    let cloud = Cloud::start_with(&[("UnknownHours", "0.0005")]).await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", SILENT).await;
    ada.when(&id, "unknown").await;
    // Nothing is hastened: the sweep finds it in its own time.
    let refunded = crate::harness::eventually("the refund", || async {
        cloud.sweep().await;
        let generation = ada.generation(&id).await;
        (generation["status"] == "failed").then_some(generation)
    })
    .await;
    assert_eq!(refunded["error"]["code"], "outcome_unknown");
    assert_eq!(ada.books().await.balance(), (1_000, 0));
}

#[tokio::test]
async fn a_success_after_the_refund_is_delivered_free() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", SILENT).await;
    ada.when(&id, "unknown").await;
    ada.when_swept(&id, "failed").await;

    let job = &cloud.provider_jobs("drop-submit").await[0];
    let path = format!("fal/jobs/{}/webhook", job["request_id"].as_str().unwrap());
    let sent = cloud.act(&path, &json!({"times": 3})).await;
    assert_eq!(sent["statuses"], json!([204, 204, 204]));
    let delivered = crate::harness::eventually("the delivery", || async {
        let generation = ada.generation(&id).await;
        (generation["status"] == "succeeded").then_some(generation)
    })
    .await;
    assert_eq!(delivered["receipt"]["reason"], "delivered_free");
    assert_eq!(delivered["receipt"]["captured"], 0);
    let (content_type, _) = ada.download(&delivered).await;
    assert_eq!(content_type, "image/jpeg");
    assert_eq!(ada.books().await.lines(), [BONUS, HOLD, RELEASE]);
}

#[tokio::test]
async fn proof_before_the_policy_settles_it() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", SILENT).await;
    ada.when(&id, "unknown").await;
    let job = &cloud.provider_jobs("drop-submit").await[0];
    let path = format!("fal/jobs/{}/webhook", job["request_id"].as_str().unwrap());
    cloud.act(&path, &json!({"times": 2})).await;
    let delivered = ada.when(&id, "succeeded").await;
    assert_eq!(delivered["receipt"]["captured"], 25);
    assert_eq!(ada.books().await.balance(), (975, 0));
}

#[tokio::test]
async fn an_operator_may_choose_to_keep_the_hold() {
    let cloud = Cloud::start_with(&[("UnknownPolicy", "hold")]).await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", SILENT).await;
    ada.when(&id, "unknown").await;
    for _ in 0..3 {
        cloud.hasten(&id).await;
        cloud.sweep().await;
    }
    // A further job is served after those sweeps: both queues are empty.
    let next = ada.generate("flux-dev", "the next one").await;
    ada.when(&next, "succeeded").await;
    assert_eq!(ada.generation(&id).await["status"], "unknown");
    assert_eq!(ada.books().await.balance(), (950, 25));
}
