//! Of several pictures, those that the provider flags are withheld, and their share of the price is refunded:
//! to the credit, once, and with the same numbers everywhere. The number of refusals for content is bounded.

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::make as make_key;
use crate::directives::settle_down;
use crate::harness::{Answer, Cloud, Person, eventually, send};
use crate::projects::make as make_project;

const PICTURE: &str = "/generations/flux-dev";
const BONUS: (&str, i64, i64) = ("bonus", 1_000, 0);
const HOLD: (&str, i64, i64) = ("hold", -100, 100);
const CAPTURE: (&str, i64, i64) = ("capture", 0, -50);
const SHARE: (&str, i64, i64) = ("release", 50, -50);
const RELEASE: (&str, i64, i64) = ("release", 100, -100);

/// An order of four pictures for a hundred credits.
fn four(prompt: &str) -> Value {
    json!({"prompt": prompt, "parameters": {"num_images": 4}})
}

async fn order(person: &Person<'_>, body: &Value) -> String {
    let answer = person.post(PICTURE, body).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    answer.text("id")
}

/// Checks that the second and the fourth picture are not delivered.
#[track_caller]
fn check_two_of_four(done: &Value) {
    assert_eq!(done["outputs"].as_array().unwrap().len(), 2, "{done:#}");
    let withheld = json!([
        {"index": 1, "code": "content_flagged"},
        {"index": 3, "code": "content_flagged"},
    ]);
    assert_eq!(done["withheld"], withheld);
    assert_eq!(done["error"], Value::Null);
    let receipt = json!({
        "quoted": 100, "held": 0, "captured": 50, "released": 50, "refunded": 0, "reason": "content_flagged",
    });
    assert_eq!(done["receipt"], receipt);
}

/// Runs reconciliation from the beginning, which must find everything in order.
pub async fn check_reconciled(cloud: &Cloud) {
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run:#}");
    assert!(run["finished_at"].is_string(), "{run:#}");
}

/// The number of refusals of the person's content that were counted today.
async fn counted_refusals(cloud: &Cloud, person: &Person<'_>) -> u64 {
    let day = time::OffsetDateTime::now_utc().unix_timestamp() / 86_400;
    let found = cloud.dynamodb().get_item();
    let found = found
        .table_name("velro-local-generationstable")
        .key(
            "id",
            AttributeValue::S(format!("refused#{}#{day}", person.id)),
        )
        .send()
        .await
        .unwrap();
    let Some(item) = found.item else { return 0 };
    let ttl: i64 = item["ttl"].as_n().unwrap().parse().unwrap();
    assert_eq!(ttl, (day + 2) * 86_400);
    item["refusals"].as_n().unwrap().parse().unwrap()
}

#[tokio::test]
async fn of_four_pictures_two_are_flagged_and_the_other_two_are_delivered_and_paid_for() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let project = make_project(&ada, &json!({"name": "half"})).await;
    let mut body = four("half of these [[flag:1,3]]");
    body["project_id"] = json!(project);
    let id = order(&ada, &body).await;
    let done = ada.when(&id, "succeeded").await;
    check_two_of_four(&done);
    let media = ada.get(&format!("/generations/{id}/media")).await;
    let media = media.expect(200);
    assert_eq!(media["data"].as_array().unwrap().len(), 2);
    ada.download(&done).await;

    let books = ada.books().await;
    assert_eq!(books.lines(), [BONUS, HOLD, CAPTURE, SHARE]);
    assert_eq!(books.balance(), (950, 0));
    assert_eq!(books.wallet["lifetime_spent"], 50);
    check_reconciled(&cloud).await;

    // All reports of it agree.
    let spent = ada.get("/credits/stats?days=2").await.expect(200);
    let models = json!([{"model": "flux-dev", "spent": 50, "generations": 1}]);
    assert_eq!(spent["by_model"], models);
    let credits = json!({"held": 0, "captured": 50, "released": 50});
    for path in ["/generations/stats", &format!("/projects/{project}/stats")] {
        let stats = ada.get(path).await.expect(200);
        assert_eq!(stats["credits"], credits, "{path}");
    }
    let holds = ada.get("/credits/holds").await.expect(200);
    assert_eq!(holds["data"], json!([]));
    let measured = r#""CreditsCaptured":50,"CreditsReleased":50"#;
    eventually("the measurement", || async {
        let logs = cloud.everything_logged();
        logs.contains(measured).then_some(())
    })
    .await;
    // The job is out of flight, and was taken out only once, so that the account can be deleted.
    assert_eq!(ada.erase().await.status, 204);
    check_reconciled(&cloud).await;
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test]
async fn with_every_picture_flagged_nothing_is_delivered_and_nothing_is_paid() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = order(&ada, &four("none of these [[flag:0,1,2,3]]")).await;
    let done = ada.when(&id, "failed").await;
    assert_eq!(done["error"]["code"], "content_flagged");
    assert_eq!(
        (&done["outputs"], &done["withheld"]),
        (&json!([]), &json!([]))
    );
    let receipt = json!({
        "quoted": 100, "held": 0, "captured": 0, "released": 100, "refunded": 0, "reason": "content_flagged",
    });
    assert_eq!(done["receipt"], receipt);
    assert_eq!(ada.books().await.lines(), [BONUS, HOLD, RELEASE]);
    check_reconciled(&cloud).await;
}

#[tokio::test]
async fn ten_webhooks_and_the_sweep_at_once_book_the_two_entries_once() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let body = four("told ten times [[flag:1,3]][[webhook:10]]");
    let id = order(&ada, &body).await;
    check_two_of_four(&ada.when_swept(&id, "succeeded").await);
    settle_down(&cloud, &cloud.provider_jobs("told ten times").await).await;
    assert_eq!(
        ada.books().await.lines(),
        [BONUS, HOLD, CAPTURE, SHARE],
        "it is booked once"
    );
    assert_eq!(counted_refusals(&cloud, &ada).await, 1);
    check_reconciled(&cloud).await;
    assert_eq!(cloud.dead_letters().await, 0);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

pub async fn remaining(person: &Person<'_>, key: &str) -> Value {
    let list = person.get("/me/api-keys").await.expect(200);
    let mut keys = list["data"].as_array().unwrap().iter();
    let key = keys.find(|known| known["id"] == key).unwrap();
    key["credits_remaining"].clone()
}

#[tokio::test]
async fn a_capped_key_gets_the_share_back_and_one_that_is_long_gone_is_in_nobodys_way() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let (id, secret) = make_key(&ada, &json!({"credit_cap": 130})).await;
    let order = async |body: &Value| -> Answer {
        let request = cloud.request(Method::POST, PICTURE).bearer_auth(&secret);
        send(request.json(body)).await
    };
    let half = order(&four("paid by a key [[flag:1,3]]")).await;
    assert_eq!(half.status, 202, "{:?}", half.body);
    let done = ada.when(&half.text("id"), "succeeded").await;
    check_two_of_four(&done);
    assert_eq!(remaining(&ada, &id).await, 80);

    // Of three pictures one is flagged: 25 of its 75 credits come back, and the delivered ones stay spent.
    let three = json!({"prompt": "[[flag:0]]", "parameters": {"num_images": 3}});
    let three = order(&three).await;
    let done = ada.when(&three.text("id"), "succeeded").await;
    assert_eq!(done["receipt"]["captured"], 50);
    assert_eq!(remaining(&ada, &id).await, 30);

    // The record of a key is forgotten long after it was revoked; here while its job runs.
    let two = json!({
        "prompt": "outlives its key [[flag:1]][[delay:3s]]", "parameters": {"num_images": 2},
    });
    let (gone, secret) = make_key(&ada, &json!({"credit_cap": 50})).await;
    let request = cloud.request(Method::POST, PICTURE).bearer_auth(&secret);
    let late = send(request.json(&two)).await;
    assert_eq!(late.status, 202, "{:?}", late.body);
    let delete = cloud.dynamodb().delete_item();
    delete
        .table_name("velro-local-accountstable")
        .key("pk", AttributeValue::S(ada.id.clone()))
        .key("sk", AttributeValue::S(format!("key#{gone}")))
        .condition_expression("attribute_exists(remaining)")
        .send()
        .await
        .unwrap();
    let done = ada.when(&late.text("id"), "succeeded").await;
    assert_eq!(
        (&done["receipt"]["captured"], &done["receipt"]["released"]),
        (&json!(25), &json!(25))
    );
    assert_eq!(ada.books().await.balance(), (1_000 - 50 - 50 - 25, 0));
    check_reconciled(&cloud).await;
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test]
async fn what_comes_after_the_refund_is_delivered_free_also_where_some_is_withheld() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let body = four("late [[flag:1,3]][[drop-submit]][[no-webhook]][[delay:1ms]]");
    let id = order(&ada, &body).await;
    ada.when(&id, "unknown").await;
    ada.when_swept(&id, "failed").await;
    let job = &cloud.provider_jobs("late").await[0];
    let path = format!("fal/jobs/{}/webhook", job["request_id"].as_str().unwrap());
    cloud.act(&path, &json!({"times": 3})).await;
    let done = eventually("the delivery", || async {
        let generation = ada.generation(&id).await;
        (generation["status"] == "succeeded").then_some(generation)
    })
    .await;
    assert_eq!(done["withheld"].as_array().unwrap().len(), 2);
    let receipt = json!({
        "quoted": 100, "held": 0, "captured": 0, "released": 100, "refunded": 0, "reason": "delivered_free",
    });
    assert_eq!(done["receipt"], receipt);
    assert_eq!(ada.books().await.lines(), [BONUS, HOLD, RELEASE]);
    let stats = ada.get("/generations/stats").await.expect(200);
    let credits = json!({"held": 0, "captured": 0, "released": 100});
    assert_eq!(stats["credits"], credits);
    check_reconciled(&cloud).await;
}

#[tokio::test]
async fn who_has_too_much_refused_for_its_content_orders_nothing_more_that_day() {
    let cloud = Cloud::start_with(&[("ContentRefusalsPerDay", "4")]).await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let first = json!({"prompt": "the first [[fail:content_policy_violation]][[webhook:5]]"});
    let accepted = ada.post_once(PICTURE, "key", &first).await;
    assert_eq!(accepted.status, 202, "{:?}", accepted.body);
    ada.when(&accepted.text("id"), "failed").await;
    settle_down(&cloud, &cloud.provider_jobs("the first").await).await;
    // Repeated reports of a refusal count once; a failure for another reason does not count.
    assert_eq!(counted_refusals(&cloud, &ada).await, 1);
    for (body, end, count) in [
        (json!({"prompt": "broken [[fail]]"}), "failed", 1),
        (json!({"prompt": "fine"}), "succeeded", 1),
        (four("in part [[flag:2]]"), "succeeded", 2),
        (json!({"prompt": "whole [[nsfw]]"}), "failed", 3),
        (
            json!({"prompt": "at once [[submit:422/typed=content_policy_violation]]"}),
            "failed",
            4,
        ),
    ] {
        let id = order(&ada, &body).await;
        ada.when(&id, end).await;
        assert_eq!(counted_refusals(&cloud, &ada).await, count, "{body}");
    }

    let before = ada.books().await.entries;
    let more = json!({"prompt": "one more"});
    let refused = ada.post_once(PICTURE, "another", &more).await;
    refused.problem(403, "forbidden");
    let why = refused.text("detail");
    assert!(why.contains("midnight UTC") && why.contains('4'), "{why}");
    ada.post("/generations/veo3", &more)
        .await
        .problem(403, "forbidden");
    assert_eq!(ada.books().await.entries, before);
    assert_eq!(cloud.provider_jobs("one more").await.len(), 0);

    // Accepted orders are still answered, prices are still told, and nobody else is concerned.
    let again = ada.post_once(PICTURE, "key", &first).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((again.status, again.text("id")), (202, accepted.text("id")));
    let quote = json!({"model": "flux-dev", "prompt": "what would it cost"});
    assert_eq!(ada.post("/quotes", &quote).await.status, 201);
    order(&eve, &more).await;
}
