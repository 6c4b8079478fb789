//! Media are kept for as long as their author's plan says, and are deleted only after an announcement.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::harness::{ADMIN_EMAIL, Cloud, Person};
use crate::team_wallets::fund;
use crate::teams::{found, join};
use crate::webhook_endpoints::{Receiver, hook};

const DAY_MS: i64 = 24 * 3_600 * 1_000;

/// Runs the purge once; the numbers of media that it announced and that it deleted.
async fn purge(cloud: &Cloud) -> (u64, u64) {
    let ran = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(ran["status"], "succeeded", "{ran}");
    let count = |name: &str| ran["result"][name].as_u64().unwrap();
    (count("media_announced"), count("media_expired"))
}

/// Makes a generation this many days older.
async fn days_pass(cloud: &Cloud, generation: &str, days: i64) {
    let (dynamodb, table) = (cloud.dynamodb(), "velro-local-generationstable");
    let key = AttributeValue::S(generation.to_owned());
    let found = dynamodb.get_item().table_name(table).key("id", key.clone());
    let item = found.send().await.unwrap().item.unwrap();
    let mut update = dynamodb.update_item().table_name(table).key("id", key);
    let mut sets = Vec::new();
    for name in ["finished_at_ms", "media_expires_at_ms", "due_at_ms"] {
        let Some(at_ms) = item.get(name) else {
            continue;
        };
        let at_ms: i64 = at_ms.as_n().unwrap().parse().unwrap();
        let earlier = AttributeValue::N((at_ms - days * DAY_MS).to_string());
        sets.push(format!("{name} = :{name}"));
        update = update.expression_attribute_values(format!(":{name}"), earlier);
    }
    let update = update.update_expression(format!("SET {}", sets.join(", ")));
    update.send().await.unwrap();
}

/// The number of days from a generation's end to the expiry of its media.
fn days_kept(generation: &Value) -> Option<i64> {
    let at_ms = |name: &str| {
        let at = OffsetDateTime::parse(generation[name].as_str()?, &Rfc3339).unwrap();
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok()
    };
    Some((at_ms("media_expires_at")? - at_ms("finished_at")?) / DAY_MS)
}

async fn succeed(person: &Person<'_>) -> String {
    let made = person
        .generate("flux-dev", "short-lived [[delay:1ms]]")
        .await;
    person.when(&made, "succeeded").await;
    made
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_are_announced_a_week_before_they_expire_and_then_they_are_deleted() {
    let cloud = Cloud::start().await;
    let (ada, receiver) = (cloud.person().await, Receiver::start().await);
    hook(&ada, &receiver, &["media.expiring"]).await;
    let made = succeed(&ada).await;
    let shown = ada.generation(&made).await;
    assert_eq!(days_kept(&shown), Some(30));
    assert_eq!(purge(&cloud).await, (0, 0));
    let books = ada.books().await.balance();

    days_pass(&cloud, &made, 23).await;
    let runs = join_all((0..3).map(|_| purge(&cloud))).await;
    let announced: u64 = runs.iter().map(|(announced, _)| announced).sum();
    assert_eq!(announced, 1, "{runs:?}");
    let heard = receiver.heard(1).await;
    let told = &heard[0].1;
    assert_eq!(told["type"], "media.expiring");
    assert_eq!(told["data"]["id"], made.as_str());
    assert_eq!(days_kept(&told["data"]), Some(30));
    ada.download(&told["data"]).await;
    assert_eq!(purge(&cloud).await, (0, 0));

    days_pass(&cloud, &made, 7).await;
    let shown = ada.generation(&made).await;
    let runs = join_all((0..3).map(|_| purge(&cloud))).await;
    let expired: u64 = runs.iter().map(|(_, expired)| expired).sum();
    assert_eq!(expired, 1, "{runs:?}");
    assert_eq!(purge(&cloud).await, (0, 0));
    assert_eq!(cloud.every_media_key(), Vec::<String>::new());
    let url = shown["outputs"][0]["url"].as_str().unwrap();
    assert_eq!(cloud.http.get(url).send().await.unwrap().status(), 404);
    let gone = ada.generation(&made).await;
    assert_eq!(
        (&gone["status"], &gone["outputs"]),
        (&json!("succeeded"), &json!([]))
    );
    for field in ["media_expires_at", "prompt", "receipt"] {
        assert_eq!(gone[field], shown[field], "{field}");
    }
    let media = format!("/generations/{made}/media");
    assert_eq!(ada.get(&media).await.expect(200)["data"], json!([]));
    assert_eq!(ada.books().await.balance(), books);
    receiver.heard(1).await;
    ada.delete(&format!("/generations/{made}"))
        .await
        .expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_longer_plan_keeps_longer_what_was_made_on_a_shorter_one() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let plan = async |plan: &str| {
        let path = format!("/admin/users/{}", ada.id);
        admin.patch(&path, &json!({"plan": plan})).await.expect(200);
        cloud.stack.forget_callers();
    };
    let made = succeed(&ada).await;
    days_pass(&cloud, &made, 23).await;
    assert_eq!(purge(&cloud).await, (1, 0));
    plan("basic").await;
    days_pass(&cloud, &made, 7).await;
    assert_eq!(purge(&cloud).await, (0, 0));
    let shown = ada.generation(&made).await;
    assert_eq!(days_kept(&shown), Some(90));
    ada.download(&shown).await;

    // A generation of a longer plan keeps its time, whatever plan follows.
    let later = succeed(&ada).await;
    plan("free").await;
    assert_eq!(days_kept(&ada.generation(&later).await), Some(90));
    plan("enterprise").await;
    let kept = succeed(&ada).await;
    assert_eq!(ada.generation(&kept).await["media_expires_at"], Value::Null);
    days_pass(&cloud, &made, 60).await;
    assert_eq!(purge(&cloud).await, (0, 0));
    assert_eq!(ada.generation(&made).await["media_expires_at"], Value::Null);
    assert_eq!(cloud.media_keys().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_expires_unannounced_however_long_the_purge_was_down() {
    let parameters = [("AdminEmails", ADMIN_EMAIL), ("MediaDays", "8")];
    let cloud = Cloud::start_with(&parameters).await;
    let (owner, ada) = (cloud.verified().await, cloud.verified().await);
    let receiver = Receiver::start().await;
    let team = found(&owner, &json!({"name": "Foxes"})).await;
    join(&owner, &team, &ada, "editor").await;
    fund(&owner, &team, 100).await;
    hook(&owner, &receiver, &["media.expiring"]).await;
    let team_id = team.rsplit('/').next().unwrap();
    let order = json!({"prompt": "a fox [[delay:1ms]]", "team_id": team_id});
    let made = ada.post("/generations/flux-dev", &order).await.expect(202);
    let made = made["id"].as_str().unwrap();
    ada.when(made, "succeeded").await;
    // For a deleted account, its last plan counts.
    assert_eq!(ada.erase().await.status, 204);

    days_pass(&cloud, made, 100).await;
    assert_eq!(purge(&cloud).await, (1, 0));
    let shown = owner.generation(made).await;
    assert_eq!(days_kept(&shown), Some(106));
    days_pass(&cloud, made, 5).await;
    assert_eq!(purge(&cloud).await, (0, 0));
    owner.download(&owner.generation(made).await).await;
    days_pass(&cloud, made, 1).await;
    assert_eq!(purge(&cloud).await, (0, 1));
    assert_eq!(cloud.every_media_key(), Vec::<String>::new());
}
