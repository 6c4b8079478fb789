//! Webhooks of users: their endpoints, their secrets, and the events that reach them.

mod failing;
mod receiver;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{Cloud, Person, eventually, send};
use crate::team_wallets::{fund, id};
use crate::teams::{Cast, found, join};

pub use receiver::Receiver;

const HOOKS: &str = "/webhook-endpoints";

/// Makes an endpoint for these events; the API's answer.
pub async fn hook(person: &Person<'_>, receiver: &Receiver, events: &[&str]) -> Value {
    let body = json!({"url": receiver.url, "events": events});
    person.post(HOOKS, &body).await.expect(201)
}

fn path(endpoint: &Value) -> String {
    format!("{HOOKS}/{}", endpoint["id"].as_str().unwrap())
}

/// Waits until the newest delivery to an endpoint is in this state; the delivery.
async fn delivery(person: &Person<'_>, endpoint: &Value, state: &str) -> Value {
    let path = format!("{}/deliveries", path(endpoint));
    eventually(&format!("a delivery that is {state}"), || async {
        let page = person.get(&path).await.expect(200);
        let newest = page["data"].get(0)?.clone();
        (newest["state"] == state).then_some(newest)
    })
    .await
}

/// Makes everything due that waits for its next attempt, as if the time until then had passed, and lets the
/// sweep send it.
async fn hasten(cloud: &Cloud) {
    let dynamodb = cloud.dynamodb();
    for (table, item) in cloud.every_item().await {
        let is_pending = item.contains_key("next_attempt_at_ms");
        if !table.ends_with("webhookstable") || !is_pending {
            continue;
        }
        dynamodb
            .update_item()
            .table_name(&table)
            .key("owner", item["owner"].clone())
            .key("item", item["item"].clone())
            .update_expression("SET due_at_ms = :now, next_attempt_at_ms = :now")
            .expression_attribute_values(":now", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
    }
    cloud.sweep().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generations_end_is_told_once_as_its_get_shows_it_and_signed() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.person().await, Receiver::start().await);
    let all = ["generation.succeeded", "generation.failed"];
    let endpoint = hook(&ada, &receiver, &all).await;
    let secret = endpoint["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "{endpoint}");

    let made = ada.generate("flux-dev", "told of [[delay:1ms]]").await;
    let shown = ada.when(&made, "succeeded").await;
    let failed = ada.generate("flux-dev", "[[fail]][[delay:1ms]]").await;
    ada.when(&failed, "failed").await;
    let heard = receiver.heard(2).await;
    assert!(receiver.verifies(secret));
    let types: Vec<_> = heard.iter().map(|(_, event)| &event["type"]).collect();
    assert_eq!(types, ["generation.succeeded", "generation.failed"]);
    let told = &heard[0].1["data"];
    for field in [
        "id",
        "object",
        "status",
        "model",
        "receipt",
        "prompt",
        "finished_at",
    ] {
        assert_eq!(told[field], shown[field], "{field}");
    }
    assert_eq!(heard[1].1["data"]["error"]["code"], "provider_error");
    // Its address leads to the picture.
    let (kind, bytes) = ada.download(told).await;
    assert_eq!((kind.as_str(), bytes.is_empty()), ("image/jpeg", false));

    let done = delivery(&ada, &endpoint, "delivered").await;
    assert_eq!(done["id"], heard[1].0.as_str());
    let attempt = &done["attempts"][0];
    assert_eq!(attempt["status"], 200);
    assert_eq!(attempt["response"], "noted");
    assert_eq!(done["next_attempt_at"], Value::Null);
    // Sending messages again tells nobody anything again.
    cloud.sweep().await;
    receiver.heard(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_asked_for_is_not_told() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let (hers, another) = (Receiver::start().await, Receiver::start().await);
    let endpoint = hook(&ada, &hers, &["generation.canceled"]).await;
    hook(&eve, &another, &["generation.succeeded"]).await;
    let made = ada.generate("flux-dev", "nobody hears [[delay:1ms]]").await;
    ada.when(&made, "succeeded").await;
    let canceled = ada.generate("veo3", "stopped [[delay:60s]]").await;
    let cancel = format!("/generations/{canceled}/cancel");
    ada.post(&cancel, &json!({})).await;
    ada.when_swept(&canceled, "canceled").await;
    let heard = hers.heard(1).await;
    assert_eq!(heard[0].1["data"]["id"], canceled.as_str());
    another.heard(0).await;
    // A disabled endpoint hears nothing, and a deleted one is gone.
    let off = json!({"status": "disabled"});
    let off = ada.patch(&path(&endpoint), &off).await.expect(200);
    assert_eq!(
        (&off["status"], &off["disabled_because"]),
        (&json!("disabled"), &json!("asked"))
    );
    let test = format!("{}/test", path(&endpoint));
    ada.post(&test, &json!({})).await.problem(409, "conflict");
    let on = json!({"status": "enabled", "events": ["generation.failed"], "description": "Only failures"});
    let on = ada.patch(&path(&endpoint), &on).await.expect(200);
    assert_eq!(on["events"], json!(["generation.failed"]));
    assert_eq!(ada.delete(&path(&endpoint)).await.status, 204);
    ada.get(&path(&endpoint)).await.problem(404, "not_found");
    let failed = ada.generate("flux-dev", "[[fail]][[delay:1ms]]").await;
    ada.when(&failed, "failed").await;
    cloud.sweep().await;
    hers.heard(1).await;
    // In the end, no item of webhooks names the endpoint.
    eventually("the end of what was told", || async {
        let items = cloud.every_item().await.into_iter();
        let mut told = items.filter(|(table, _)| table.ends_with("webhookstable"));
        let id = endpoint["id"].as_str().unwrap();
        (!told.any(|(_, item)| format!("{item:?}").contains(id))).then_some(())
    })
    .await;
}

/// Hastens deliveries until the receiver has heard `count` messages.
async fn hasten_until(cloud: &Cloud, receiver: &Receiver, count: usize) {
    eventually(&format!("attempt {count}"), || async {
        if receiver.heard.lock().unwrap().len() >= count {
            return Some(());
        }
        hasten(cloud).await;
        None
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_secrets_sign_while_one_takes_the_others_place_and_neither_is_kept() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.person().await, Receiver::start().await);
    let endpoint = hook(&ada, &receiver, &["generation.failed"]).await;
    let first = endpoint["secret"].as_str().unwrap().to_owned();
    let rotate = format!("{}/rotate-secret", path(&endpoint));
    let second = ada.post(&rotate, &json!({})).await.expect(200);
    let second = second["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let test = format!("{}/test", path(&endpoint));
    ada.post(&test, &json!({})).await.expect(202);
    receiver.heard(1).await;
    assert!(receiver.verifies(&first) && receiver.verifies(&second));
    // A second rotation ends the first secret.
    let third = ada.post(&rotate, &json!({})).await.expect(200);
    let third = third["secret"].as_str().unwrap().to_owned();
    receiver.heard.lock().unwrap().clear();
    ada.post(&test, &json!({})).await.expect(202);
    receiver.heard(1).await;
    assert!(receiver.verifies(&second) && receiver.verifies(&third));
    assert!(!receiver.verifies(&first));
    let kept = cloud.everything_kept().await + &cloud.everything_logged();
    for secret in [&first, &second, &third] {
        assert!(!kept.contains(secret.trim_start_matches("whsec_")));
    }
    assert_eq!(
        ada.get(&path(&endpoint)).await.expect(200).get("secret"),
        None
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_is_told_of_what_it_pays_for_and_only_its_managers_say_where() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let (ada, team) = (&cast.ada, &cast.team);
    fund(ada, team, 500).await;
    let (theirs, own) = (Receiver::start().await, Receiver::start().await);
    let body = json!({"url": theirs.url, "events": ["generation.succeeded"], "team_id": id(team)});
    for person in [&cast.editor, &cast.contributor, &cast.viewer] {
        person.post(HOOKS, &body).await.problem(403, "forbidden");
    }
    let refused = cast.stranger.post(HOOKS, &body).await;
    refused.problem(404, "not_found");
    let endpoint = cast.admin.post(HOOKS, &body).await.expect(201);
    assert_eq!(endpoint["team_id"], id(team));
    hook(&cast.contributor, &own, &["generation.succeeded"]).await;

    let made = cast
        .contributor
        .generate_for(id(team), "flux-dev", "for all [[delay:1ms]]");
    let made = made.await;
    cast.contributor.when(&made, "succeeded").await;
    let (told, mine) = (theirs.heard(1).await, own.heard(1).await);
    assert_eq!(told[0].0, mine[0].0, "one event has one id");
    assert_eq!(told[0].1["data"]["id"], made.as_str());
    // It is shown as its owner sees it.
    assert_eq!(told[0].1["data"]["author_id"], cast.contributor.id.as_str());

    the_teams_endpoints_are_for_its_managers(&cast, &endpoint).await;
    // A replay reaches the endpoints of those who ask for it.
    let replay = format!("/webhook-deliveries/{}/replay", told[0].0);
    let refused = cast.stranger.post(&replay, &json!({})).await;
    refused.problem(404, "not_found");
    let mine_again = cast.contributor.post(&replay, &json!({})).await.expect(202);
    assert_eq!(mine_again["data"].as_array().unwrap().len(), 1);
    own.heard(2).await;
    theirs.heard(1).await;
    let only = json!({"webhook_endpoint_id": endpoint["id"]});
    ada.post(&replay, &only).await.expect(202);
    theirs.heard(2).await;
    // The audit log names the person who sends a team's events elsewhere.
    let audit = ada.get(&format!("{team}/audit?limit=3")).await.expect(200);
    let newest = &audit["data"][0];
    assert_eq!(newest["act"], "webhook_endpoint_created");
    assert_eq!(
        (&newest["actor"], &newest["subject"]),
        (&json!(cast.admin.id), &endpoint["id"])
    );
    // A key needs the scope for teams.
    let (_, key) = make(ada, &json!({"scopes": ["read", "generate"]})).await;
    let with_key = cloud
        .request(Method::GET, &path(&endpoint))
        .bearer_auth(key);
    send(with_key).await.problem(403, "forbidden");
}

/// Checks that the owner lists a team's endpoint, but not as her own, and that a contributor and a stranger
/// see nothing of it.
async fn the_teams_endpoints_are_for_its_managers(cast: &Cast<'_>, endpoint: &Value) {
    let Cast {
        ada,
        contributor,
        stranger,
        ..
    } = cast;
    let list = format!("{HOOKS}?team_id={}", id(&cast.team));
    let listed = ada.get(&list).await.expect(200);
    assert_eq!(listed["data"][0]["id"], endpoint["id"]);
    assert_eq!(ada.get(HOOKS).await.expect(200)["data"], json!([]));
    let deliveries = format!("{}/deliveries", path(endpoint));
    for path in [&list, &deliveries] {
        contributor.get(path).await.problem(403, "forbidden");
    }
    let hidden = stranger.get(&path(endpoint)).await;
    hidden.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_ten_endpoints_at_most_and_each_says_what_is_wrong_with_it() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.person().await, Receiver::start().await);
    let events = json!(["generation.failed"]);
    for (field, body) in [
        ("url", json!({"events": events})),
        ("url", json!({"url": "example.org", "events": events})),
        (
            "url",
            json!({"url": "http://example.org/", "events": events}),
        ),
        (
            "url",
            json!({"url": "https://169.254.169.254/", "events": events}),
        ),
        (
            "url",
            json!({"url": "https://[::ffff:10.0.0.1]/", "events": events}),
        ),
        (
            "url",
            json!({"url": "https://a:b@example.org/", "events": events}),
        ),
        ("events", json!({"url": "https://example.org/"})),
        (
            "events",
            json!({"url": "https://example.org/", "events": []}),
        ),
        (
            "events[0]",
            json!({"url": "https://example.org/", "events": ["webhook.test"]}),
        ),
        (
            "events[1]",
            json!({"url": "https://example.org/", "events": ["credits.low", "credits.low"]}),
        ),
    ] {
        let refused = ada.post(HOOKS, &body).await;
        assert_eq!(refused.status, 422, "{body}: {:?}", refused.body);
        assert_eq!(refused.body["errors"][0]["field"], field, "{body}");
    }
    let made = (0..12).map(|_| async {
        let body = json!({"url": receiver.url, "events": events});
        ada.post(HOOKS, &body).await.status
    });
    let mut made = join_all(made).await;
    made.sort_unstable();
    let refused = made.split_off(10);
    assert_eq!(made, [201; 10]);
    assert!(
        refused.iter().all(|status| matches!(status, 409 | 503)),
        "{refused:?}"
    );
    let page = ada.get(&format!("{HOOKS}?limit=100")).await.expect(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 10);
    ada.delete(&path(&page["data"][0])).await;
    hook(&ada, &receiver, &["generation.failed"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_can_have_an_address_of_its_own_told_signed_with_its_authors_secret() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.person().await, Receiver::start().await);
    let order = |url: &str| json!({"prompt": "told alone [[delay:1ms]]", "webhook_url": url});
    let orders = "/generations/flux-dev";
    for (url, expected) in [
        ("http://10.0.0.1/", "malformed"),
        ("example.org", "malformed"),
        // Nobody could verify it yet.
        (receiver.url.as_str(), "not_allowed"),
    ] {
        let refused = ada.post(orders, &order(url)).await;
        assert_eq!(refused.status, 422, "{url}: {:?}", refused.body);
        let error = &refused.body["errors"][0];
        assert_eq!(
            (&error["field"], &error["code"]),
            (&json!("webhook_url"), &json!(expected))
        );
    }
    assert_eq!(
        ada.get("/me").await.expect(200)["webhook_secret"],
        "POST /me/webhook-secret"
    );
    let made = ada.post("/me/webhook-secret", &json!({})).await.expect(200);
    let secret = made["secret"].as_str().unwrap();
    let job = ada.post(orders, &order(&receiver.url)).await.expect(202);
    let job = job["id"].as_str().unwrap();
    ada.when(job, "succeeded").await;
    let heard = receiver.heard(1).await;
    assert_eq!(heard[0].1["type"], "generation.succeeded");
    assert_eq!(heard[0].1["data"]["id"], job);
    assert!(receiver.verifies(secret));
    assert!(
        !ada.generation(job)
            .await
            .to_string()
            .contains(&receiver.url)
    );

    // An endpoint for the same event gets it under the same id; and it can be replayed.
    hook(&ada, &receiver, &["generation.failed"]).await;
    let failing = json!({"prompt": "[[fail]][[delay:1ms]]", "webhook_url": receiver.url});
    let failed = ada.post(orders, &failing).await.expect(202);
    ada.when(failed["id"].as_str().unwrap(), "failed").await;
    let heard = receiver.heard(3).await;
    assert_eq!(heard[1].0, heard[2].0);
    let replay = format!("/webhook-deliveries/{}/replay", heard[0].0);
    let again = ada.post(&replay, &json!({})).await.expect(202);
    assert_eq!(again["data"][0]["webhook_endpoint_id"], Value::Null);
    let heard = receiver.heard(4).await;
    assert_eq!(heard[3].0, heard[0].0);
    // A deleted generation leaves nothing behind.
    eventually("the record of the last attempt", || async {
        let kept = cloud.everything_kept().await;
        (kept.matches("noted").count() == 4).then_some(())
    })
    .await;
    ada.delete(&format!("/generations/{job}")).await.expect(204);
    let kept = cloud.everything_kept().await;
    assert!(!kept.contains(&heard[0].0), "{kept}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_credits_refunds_and_new_members_are_told() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.verified().await);
    let receiver = Receiver::start().await;
    hook(&ada, &receiver, &["credits.low", "credits.refunded"]).await;
    let watch = ada.request(Method::PUT, "/credits/alerts");
    let watch = watch.json(&json!({"balance_below": [990]}));
    send(watch).await.expect(200);
    let made = ada.generate("flux-dev", "costs 25 [[delay:1ms]]").await;
    ada.when(&made, "succeeded").await;
    let purge = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(purge["status"], "succeeded", "{purge}");
    let heard = receiver.heard(1).await;
    assert_eq!(heard[0].1["type"], "credits.low");
    let data = &heard[0].1["data"];
    assert_eq!(
        (&data["threshold"], &data["available"]),
        (&json!(990), &json!(975))
    );

    let refund = format!("/admin/generations/{made}/refund");
    admin
        .post(&refund, &json!({"reason": "sorry"}))
        .await
        .expect(201);
    hasten_until(&cloud, &receiver, 2).await;
    let heard = receiver.heard(2).await;
    assert_eq!(heard[1].1["type"], "credits.refunded");
    let data = &heard[1].1["data"];
    assert_eq!(
        (&data["kind"], &data["amount"]),
        (&json!("refund"), &json!(25))
    );
    let ledger = ada.get("/credits/transactions?limit=1").await.expect(200);
    assert_eq!(ledger["data"][0], *data, "as its GET shows it");

    let team = found(&ada, &json!({"name": "Foxes"})).await;
    let body = json!({"url": receiver.url, "events": ["team.member_joined"], "team_id": id(&team)});
    ada.post(HOOKS, &body).await.expect(201);
    let eve = cloud.verified().await;
    join(&ada, &team, &eve, "editor").await;
    hasten_until(&cloud, &receiver, 3).await;
    let heard = receiver.heard(3).await;
    let data = &heard[2].1["data"];
    assert_eq!(
        (&data["user_id"], &data["team_id"]),
        (&json!(eve.id), &json!(id(&team)))
    );
    assert_eq!(ada.books().await.balance(), (1_000, 0));
}
