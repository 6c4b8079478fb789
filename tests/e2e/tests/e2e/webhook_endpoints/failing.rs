//! Receivers that are down, and workers that die: each event arrives under its one id, or is given up.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::receiver::NEVER;
use super::{Receiver, delivery, hasten, hasten_until, hook, path};
use crate::harness::{Cloud, eventually, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_is_down_for_a_day_gets_each_event_under_its_one_id() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.person().await, Receiver::start().await);
    let endpoint = hook(&ada, &receiver, &["generation.succeeded"]).await;
    receiver.answer([500, 302, 429, 503, 404, 500, 500]);
    let made = ada.generate("flux-dev", "at last [[delay:1ms]]").await;
    ada.when(&made, "succeeded").await;
    // The second attempt comes by itself, after five seconds.
    receiver.heard(2).await;
    for attempts in 3..=8 {
        eventually("the attempt's record", || async {
            let newest = delivery(&ada, &endpoint, "pending").await;
            let count = newest["attempts"].as_array().unwrap().len();
            (count == attempts - 1).then_some(())
        })
        .await;
        hasten(&cloud).await;
        receiver.heard(attempts).await;
    }
    let done = delivery(&ada, &endpoint, "delivered").await;
    let attempts = done["attempts"].as_array().unwrap().iter();
    let statuses = attempts.map(|attempt| attempt["status"].as_u64().unwrap());
    let statuses: Vec<_> = statuses.collect();
    assert_eq!(statuses, [500, 302, 429, 503, 404, 500, 500, 200]);
    let ids: BTreeSet<_> = receiver
        .heard(8)
        .await
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(
        ada.get(&path(&endpoint)).await.expect(200)["failing_since"],
        Value::Null
    );

    // After eight attempts it is given up, and can be replayed.
    receiver.answer([500; 8]);
    let test = format!("{}/test", path(&endpoint));
    let event = ada.post(&test, &json!({})).await.expect(202);
    let event = event["id"].as_str().unwrap().to_owned();
    for attempts in 9..=16 {
        hasten_until(&cloud, &receiver, attempts).await;
    }
    let given_up = delivery(&ada, &endpoint, "failed").await;
    assert_eq!(given_up["id"], event.as_str());
    assert_ne!(
        ada.get(&path(&endpoint)).await.expect(200)["failing_since"],
        Value::Null
    );
    let replay = format!("/webhook-deliveries/{event}/replay");
    let again = send(ada.request(Method::POST, &replay)).await.expect(202);
    assert_eq!(again["data"][0]["state"], "pending");
    let heard = receiver.heard(17).await;
    assert_eq!(heard[16].0, event);
    let done = delivery(&ada, &endpoint, "delivered").await;
    assert_eq!(done["attempts"].as_array().unwrap().len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_events_reach_a_receiver_that_was_down_while_workers_are_killed_and_none_is_lost() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.person().await, Receiver::start().await);
    let endpoint = hook(&ada, &receiver, &["generation.succeeded"]).await;
    let test = format!("{}/test", path(&endpoint));
    receiver.answer([503; 30]);
    let told = (0..20).map(|_| async { ada.post(&test, &json!({})).await.text("id") });
    let told: BTreeSet<_> = join_all(told).await.into_iter().collect();
    for _ in 0..2 {
        hasten(&cloud).await;
        cloud.act("functions/jobs-deliver/kill", &json!({})).await;
    }
    eventually("everything to be taken", || async {
        let took = receiver.took.lock().unwrap().clone();
        // A killed worker may have been answered without writing so: the event is then sent again, under the
        // same id.
        if took.into_iter().collect::<BTreeSet<_>>() == told {
            return Some(());
        }
        tokio::join!(hasten(&cloud), cloud.sweep());
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_gone_or_fails_for_five_days_is_told_nothing_more() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.verified().await, Receiver::start().await);
    let endpoint = hook(&ada, &receiver, &["generation.failed"]).await;
    receiver.answer([410]);
    let test = format!("{}/test", path(&endpoint));
    ada.post(&test, &json!({})).await.expect(202);
    let failed = delivery(&ada, &endpoint, "failed").await;
    assert_eq!(failed["attempts"][0]["status"], 410);
    let gone = eventually("the end of the endpoint", || async {
        let now = ada.get(&path(&endpoint)).await.expect(200);
        (now["status"] == "disabled").then_some(now)
    })
    .await;
    assert_eq!(gone["disabled_because"], "gone");
    let event = failed["id"].as_str().unwrap();
    let replay = format!("/webhook-deliveries/{event}/replay");
    ada.post(&replay, &json!({})).await.problem(409, "conflict");

    let on = json!({"status": "enabled"});
    ada.patch(&path(&endpoint), &on).await.expect(200);
    receiver.answer([500, 500]);
    ada.post(&test, &json!({})).await.expect(202);
    receiver.heard(2).await;
    eventually("the first failure", || async {
        let now = ada.get(&path(&endpoint)).await.expect(200);
        now["failing_since"].is_string().then_some(())
    })
    .await;
    failing_for_five_days(&cloud, &endpoint).await;
    hasten_until(&cloud, &receiver, 3).await;
    let failing = eventually("the end of the endpoint", || async {
        let now = ada.get(&path(&endpoint)).await.expect(200);
        (now["status"] == "disabled").then_some(now)
    })
    .await;
    assert_eq!(failing["disabled_because"], "failing");
    let letters = cloud
        .letters(&ada.email, "A webhook endpoint was disabled", 2)
        .await;
    let text = letters[1]["text"].as_str().unwrap();
    assert!(text.contains(endpoint["id"].as_str().unwrap()), "{text}");
    assert!(
        !text.contains(&receiver.url),
        "an address may hold a secret: {text}"
    );
}

/// Makes an endpoint one that has failed for five days.
async fn failing_for_five_days(cloud: &Cloud, endpoint: &Value) {
    let update = cloud.dynamodb().update_item();
    let update = update
        .table_name("velro-local-webhookstable")
        .key(
            "owner",
            AttributeValue::S(endpoint["id"].as_str().unwrap().to_owned()),
        )
        .key("item", AttributeValue::S("endpoint".to_owned()))
        .update_expression("SET failing_since_ms = :long_ago")
        .condition_expression("attribute_exists(failing_since_ms)")
        .expression_attribute_values(":long_ago", AttributeValue::N("1".to_owned()));
    update.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_while_it_tells_uses_up_an_attempt_and_loses_nothing() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.person().await, Receiver::start().await);
    let endpoint = hook(&ada, &receiver, &["generation.succeeded"]).await;
    receiver.answer([NEVER.as_u16()]);
    let made = ada.generate("flux-dev", "told twice [[delay:1ms]]").await;
    ada.when(&made, "succeeded").await;
    receiver.heard(1).await;
    cloud.act("functions/jobs-deliver/kill", &json!({})).await;
    // Until its time is over, no other attempt begins: a further message does nothing.
    cloud.sweep().await;
    let waits = delivery(&ada, &endpoint, "pending").await;
    assert_eq!(waits["attempts"], json!([]));
    hasten_until(&cloud, &receiver, 2).await;
    let done = delivery(&ada, &endpoint, "delivered").await;
    assert_eq!(done["attempts"].as_array().unwrap().len(), 1);
    let heard = receiver.heard(2).await;
    assert_eq!(heard[0].0, heard[1].0);
}
