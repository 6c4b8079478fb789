//! The limits on each user's calls, by plan and by model; everybody is counted alone by a key of their own.

use std::time::Instant;

use aws_sdk_dynamodb::types::AttributeValue;
use fakeaws::ApiKey;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use stack::Options;

use crate::harness::{ADMIN_EMAIL, Answer, Cloud, Person, eventually, send};

/// Each plan's requests a second, and at once.
const PLANS: [(&str, u32, u32); 4] = [
    ("free", 2, 20),
    ("basic", 5, 40),
    ("pro", 20, 100),
    ("enterprise", 100, 400),
];
const ACCOUNTS: &str = "velro-local-accountstable";
/// The number of keys in the template: the first key that each plan's users share.
pub const SHARED_KEYS: usize = 4;

/// A cloud like production: everything is limited, and there is an admin.
pub async fn limited(parameters: &[(&str, &str)]) -> Cloud {
    let mut options = Cloud::options();
    let admin = ("AdminEmails".to_owned(), ADMIN_EMAIL.to_owned());
    let named = parameters.iter().map(|(n, v)| ((*n).into(), (*v).into()));
    options.parameters.extend(named.chain([admin]));
    Cloud::from(Options {
        no_throttle: false,
        ..options
    })
    .await
}

/// Puts somebody on a plan; waits when the admin is limited, too.
async fn put_on(admin: &Person<'_>, person: &Person<'_>, plan: &str) {
    let path = format!("/admin/users/{}", person.id);
    eventually(&format!("{plan} for {}", person.id), || async {
        let change = admin.request(Method::PATCH, &path);
        let answer = send(change.json(&json!({"plan": plan}))).await;
        assert!(matches!(answer.status, 200 | 429), "{:?}", answer.body);
        (answer.status == 200).then_some(())
    })
    .await;
    admin.cloud.stack.forget_callers();
}

/// An attribute of somebody's profile that is a number.
pub async fn number(person: &Person<'_>, attribute: &str) -> Option<i64> {
    let profile = person.cloud.dynamodb().get_item().table_name(ACCOUNTS);
    let profile = profile
        .key("pk", AttributeValue::S(person.id.clone()))
        .key("sk", AttributeValue::S("profile".to_owned()))
        .consistent_read(true);
    let mut item = profile.send().await.unwrap().item?;
    item.remove(attribute)?.as_n().unwrap().parse().ok()
}

/// Makes somebody earn a key of their own, and waits until they have it.
pub async fn is_keyed(person: &Person<'_>) {
    person.cloud.verify_by_hand(person).await;
    person.get("/me").await.expect(200);
    eventually(&format!("a key of {}", person.id), || async {
        let keyed = number(person, "keyed_term").await;
        (keyed.is_some() && keyed == number(person, "plan_term").await).then_some(())
    })
    .await;
    person.cloud.stack.forget_callers();
}

/// Registers somebody with a key of their own, on this plan.
async fn keyed<'a>(admin: &Person<'a>, plan: &str) -> Person<'a> {
    let person = admin.cloud.person().await;
    if plan != "free" {
        put_on(admin, &person, plan).await;
    }
    is_keyed(&person).await;
    person
}

/// Somebody's keys at API Gateway.
pub fn keys(person: &Person<'_>) -> Vec<ApiKey> {
    let keys = person.cloud.stack.aws().api_keys();
    keys.named(&person.id).unwrap()
}

/// Lets the key worker look at somebody, as after a message about this note, until it says that it is done:
/// it may be too fast for API Gateway.
pub async fn look(person: &Person<'_>, due_at_ms: i64) {
    let message = json!({"noted": {"user_id": person.id, "due_at_ms": due_at_ms}});
    let done = invoke_worker(person.cloud, &message);
    assert_eq!(done.await, json!({"batchItemFailures": []}));
}

/// Lets the key worker handle a message until it says that it is done; its answer.
pub async fn invoke_worker(cloud: &Cloud, message: &Value) -> Value {
    let body = message.to_string();
    let record = json!({"messageId": "1", "receiptHandle": "r", "body": body});
    let event = json!({"Records": [record]}).to_string();
    eventually("the key worker to be done", || async {
        let invoked = cloud.stack.invoke("jobs-keys", event.clone());
        let answer: Value = serde_json::from_slice(&invoked.await.unwrap()).unwrap();
        (answer == json!({"batchItemFailures": []})).then_some(answer)
    })
    .await
}

/// The notes of keys to look at within a day: the user, and the due time. Notes of idleness are due in two
/// weeks.
async fn notes(cloud: &Cloud) -> Vec<(String, i64)> {
    let tomorrow_ms = now_ms() + 24 * 3_600_000;
    let mut notes = all_notes(cloud).await;
    notes.retain(|(_, due_at_ms)| *due_at_ms < tomorrow_ms);
    notes
}

/// All notes of keys: the user, and the due time.
pub async fn all_notes(cloud: &Cloud) -> Vec<(String, i64)> {
    let found = cloud.dynamodb().query().table_name(ACCOUNTS);
    let found = found
        .key_condition_expression("pk = :notes")
        .expression_attribute_values(":notes", AttributeValue::S("key-notes".to_owned()))
        .consistent_read(true);
    let items = found.send().await.unwrap().items.unwrap_or_default();
    let note = |item: &std::collections::HashMap<String, AttributeValue>| {
        let due_at_ms = item["due_at_ms"].as_n().unwrap().parse().unwrap();
        (item["user_id"].as_s().unwrap().clone(), due_at_ms)
    };
    items.iter().map(note).collect()
}

/// Waits until nothing is left to do for anybody's keys today.
async fn no_notes(cloud: &Cloud) {
    eventually("the key worker", || async {
        notes(cloud).await.is_empty().then_some(())
    })
    .await;
}

/// Asks API Gateway's control plane, which the worker asks with its own SDK.
async fn control(cloud: &Cloud, method: Method, path: &str, body: &Value) -> Value {
    let credential = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/apigateway/aws4_request, \
                      SignedHeaders=host, Signature=0";
    let url = format!("{}{path}", cloud.stack.aws().endpoint());
    let asked = cloud.http.request(method, url).json(body);
    let answer = asked.header("authorization", credential).send().await;
    let answer = answer.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap()
}

/// Makes `count` requests at the same moment; the number of those that get through. The others must be
/// refused as the contract says.
async fn passing(count: u32, ask: impl AsyncFn() -> Answer) -> u32 {
    let answers = join_all((0..count).map(|_| ask())).await;
    let mut passed = 0;
    for answer in &answers {
        if answer.status == 429 {
            answer.problem(429, "rate_limited");
        } else {
            passed += 1;
        }
    }
    passed
}

/// The rate limits in the catalogue: each model's id, and its requests a minute.
async fn models(cloud: &Cloud) -> Vec<(String, u32)> {
    let catalogue = cloud.get("/models").await.expect(200);
    let models = catalogue["data"].as_array().unwrap().iter();
    models
        .map(|model| {
            let per_minute = model["rate_limit"]["per_minute"].as_u64().unwrap();
            let id = model["id"].as_str().unwrap().to_owned();
            (id, u32::try_from(per_minute).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_plan_lets_its_burst_through_at_once_and_then_its_rate() {
    let cloud = limited(&[]).await;
    let admin = cloud.admin().await;
    for (plan, rate, burst) in PLANS {
        let person = keyed(&admin, plan).await;
        let started = Instant::now();
        let no_such = || person.get("/generations/gen_nothing");
        let passed = passing(burst + 3 * rate + 60, no_such).await;
        let seconds = u32::try_from(started.elapsed().as_secs()).unwrap() + 1;
        assert!(passed >= burst, "{plan}: {passed}");
        assert!(passed <= burst + rate * seconds, "{plan}: {passed}");
        let me = eventually("a request that gets through", || async {
            let me = person.get("/me").await;
            (me.status == 200).then_some(me.body)
        })
        .await;
        let expected = json!({"plan": plan, "key": "dedicated"});
        assert_eq!(me["rate_limit"], expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_every_plan_each_model_takes_as_many_a_minute_as_the_catalogue_shows() {
    let cloud = limited(&[]).await;
    let (admin, models) = (cloud.admin().await, models(&cloud).await);
    assert_eq!(models.len(), 11);
    for (plan, ..) in PLANS {
        let person = keyed(&admin, plan).await;
        for (model, a_minute) in &models {
            // The request counts although it is refused, so that nothing is generated.
            let (path, body) = (format!("/generations/{model}"), json!({"nonsense": true}));
            let nonsense = || person.post(&path, &body);
            let passed = passing(2 * a_minute, nonsense).await;
            assert!(passed + 1 >= *a_minute, "{plan}, {model}: {passed}");
            assert!(passed < 2 * a_minute, "{plan}, {model}: {passed}");
        }
        // None of this counted on the routes without limits of their own.
        person.get("/generations").await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_flood_of_one_user_changes_nothing_for_another() {
    let cloud = limited(&[]).await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    is_keyed(&ada).await;
    is_keyed(&eve).await;
    assert!(passing(100, || eve.get("/credits")).await < 60);
    assert_eq!(passing(20, || ada.get("/credits")).await, 20);
    let veo3 = |person: &Person<'_>| {
        let request = person.request(Method::POST, "/generations/veo3");
        request.json(&json!({"nonsense": true}))
    };
    assert!(passing(12, || send(veo3(&eve))).await < 10);
    assert_eq!(passing(4, || send(veo3(&ada))).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_key_left_shares_one_of_their_plan() {
    let cloud = limited(&[("SharedKeys", "1")]).await;
    // The limit is reached, as if ten thousand users had a key each.
    let aws = cloud.stack.aws().api_keys();
    aws.limit(SHARED_KEYS);
    let admin = cloud.admin().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    for person in [&admin, &ada, &eve] {
        cloud.verify_by_hand(person).await;
        person.get("/me").await.expect(200);
    }
    eventually("everybody to be told that there is none", || async {
        let said = cloud.everything_logged();
        (said.matches("no usage-plan key left").count() >= 3).then_some(())
    })
    .await;
    let me = ada.get("/me").await.expect(200);
    assert_eq!(me["rate_limit"], json!({"plan": "free", "key": "shared"}));
    assert!(passing(220, || eve.get("/credits")).await < 150);
    assert!(passing(60, || ada.get("/credits")).await < 60);
    assert!(keys(&ada).is_empty());
    // Nobody is looked at again before tomorrow, except for users whose plan changes.
    assert!(all_notes(&cloud).await.is_empty());
    aws.limit(10_000);
    put_on(&admin, &ada, "pro").await;
    is_keyed(&ada).await;
    let me = ada.get("/me").await.expect(200);
    assert_eq!(me["rate_limit"], json!({"plan": "pro", "key": "dedicated"}));
    // The other exception are users who come on another day.
    set(&eve, "seen_on", now_ms() / 86_400_000 - 1).await;
    is_keyed(&eve).await;
    eventually("the count of keys", || async {
        let counted = cloud.everything_logged();
        counted.contains(r#""UsagePlanKeys":2"#).then_some(())
    })
    .await;
}

pub fn now_ms() -> i64 {
    let now = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    i64::try_from(now).unwrap()
}

#[tokio::test]
async fn a_change_of_plan_brings_another_key_and_the_old_one_goes_when_nobody_uses_it_any_more() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    is_keyed(&ada).await;
    no_notes(&cloud).await;
    let first = keys(&ada);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].plans, ["velro-local-freeplan"]);
    // The authorizer's answer is kept for a minute, so the key that it names must work for that long.
    ada.get("/me").await.expect(200);
    let path = format!("/admin/users/{}", ada.id);
    let change = admin.request(Method::PATCH, &path);
    send(change.json(&json!({"plan": "pro"}))).await.expect(200);
    eventually("the next key", || async {
        (keys(&ada).len() == 2).then_some(())
    })
    .await;
    ada.get("/me").await.expect(200);
    is_keyed(&ada).await;
    let me = ada.get("/me").await.expect(200);
    assert_eq!(me["rate_limit"], json!({"plan": "pro", "key": "dedicated"}));

    // As if those minutes had passed.
    let since = number(&ada, "plan_since_ms").await.unwrap();
    eventually("the note to be postponed", || async {
        let notes = notes(&cloud).await;
        (notes == [(ada.id.clone(), since + 90_000)]).then_some(())
    })
    .await;
    set(&ada, "plan_since_ms", since - 90_000).await;
    look(&ada, since + 90_000).await;
    let left = keys(&ada);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].plans, ["velro-local-proplan"]);
    assert_ne!(left[0].id, first[0].id);
    ada.get("/me").await.expect(200);
    assert!(notes(&cloud).await.is_empty());
}

pub async fn set(person: &Person<'_>, attribute: &str, value: i64) {
    let update = person.cloud.dynamodb().update_item().table_name(ACCOUNTS);
    update
        .key("pk", AttributeValue::S(person.id.clone()))
        .key("sk", AttributeValue::S("profile".to_owned()))
        .update_expression("SET #attribute = :value")
        .expression_attribute_names("#attribute", attribute)
        .expression_attribute_values(":value", AttributeValue::N(value.to_string()))
        .send()
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_worker_was_killed_there_is_one_key_in_the_end() {
    let cloud = Cloud::start().await;
    let aws = cloud.stack.aws().api_keys();
    for done in 0..=2 {
        aws.limit(0);
        let ada = cloud.person().await;
        let due_at_ms = number(&ada, "plan_since_ms").await.unwrap();
        cloud.verify_by_hand(&ada).await;
        ada.get("/me").await.expect(200);
        eventually("the worker to have found none", || async {
            let said = cloud.everything_logged();
            let mut lines = said.lines();
            lines
                .any(|line| line.contains("no usage-plan key left") && line.contains(&ada.id))
                .then_some(())
        })
        .await;
        aws.limit(10_000);
        // This is the state after a worker was killed after this many steps.
        if done >= 1 {
            let key = json!({"name": ada.id, "value": format!("{}-0", ada.id), "enabled": true});
            let made = control(&cloud, Method::POST, "/apikeys", &key).await;
            if done >= 2 {
                let member = json!({"keyId": made["id"], "keyType": "API_KEY"});
                let path = "/usageplans/velro-local-freeplan/keys";
                control(&cloud, Method::POST, path, &member).await;
            }
        }
        // Several workers look at once, and one more afterwards.
        join_all((0..3).map(|_| look(&ada, due_at_ms))).await;
        look(&ada, due_at_ms).await;
        is_keyed(&ada).await;
        let keys = keys(&ada);
        assert_eq!(keys.len(), 1, "{done}");
        assert_eq!(keys[0].plans, ["velro-local-freeplan"], "{done}");
        ada.get("/me").await.expect(200);
    }
}

#[tokio::test]
async fn a_message_that_was_lost_is_sent_again_by_the_sweep() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    is_keyed(&ada).await;
    no_notes(&cloud).await;
    let path = format!("/apikeys/{}", keys(&ada)[0].id);
    let gone = cloud
        .http
        .delete(format!("{}{path}", cloud.stack.aws().endpoint()));
    let credential = "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/apigateway/aws4_request";
    let gone = gone.header("authorization", credential).send().await;
    assert_eq!(gone.unwrap().status(), 202);
    set(&ada, "keyed_term", 7).await;
    // A note without a message, due for more than a minute.
    let due_at_ms = now_ms() - 61_000;
    let sort = format!("{due_at_ms:015}#{}", ada.id);
    let note = cloud.dynamodb().put_item().table_name(ACCOUNTS);
    note.item("pk", AttributeValue::S("key-notes".to_owned()))
        .item("sk", AttributeValue::S(sort))
        .item("user_id", AttributeValue::S(ada.id.clone()))
        .item("due_at_ms", AttributeValue::N(due_at_ms.to_string()))
        .send()
        .await
        .unwrap();
    cloud.sweep().await;
    is_keyed(&ada).await;
    assert_eq!(keys(&ada).len(), 1);
    no_notes(&cloud).await;
}

#[tokio::test]
async fn the_key_of_an_erased_account_is_deleted() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    is_keyed(&ada).await;
    ada.get("/me").await.expect(200);
    let erased = ada.erase().await;
    assert_eq!(erased.status, 204, "{:?}", erased.body);
    // A caller whom the authorizer lets in for a minute longer is not refused for their key.
    ada.get("/me").await.problem(401, "unauthorized");
    assert_eq!(keys(&ada).len(), 1);
    let notes = notes(&cloud).await;
    let own = notes.iter().find(|(user, _)| *user == ada.id).unwrap();
    let in_seconds = (own.1 - now_ms()) / 1_000;
    assert!((60..=90).contains(&in_seconds), "{in_seconds}");
    look(&ada, own.1).await;
    assert!(keys(&ada).is_empty());
    no_notes(&cloud).await;
}

#[tokio::test]
async fn a_quota_that_is_used_up_refuses_until_the_day_is_over() {
    let cloud = limited(&[]).await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    is_keyed(&ada).await;
    is_keyed(&eve).await;
    let path = format!(
        "/usageplans/velro-local-freeplan/keys/{}/usage",
        keys(&ada)[0].id
    );
    let remaining = json!({"op": "replace", "path": "/remaining", "value": "3"});
    let patch = json!({"patchOperations": [remaining]});
    control(&cloud, Method::PATCH, &path, &patch).await;
    for _ in 0..3 {
        ada.get("/credits").await.expect(200);
    }
    let refused = ada.get("/credits").await;
    refused.problem(429, "quota_exceeded");
    assert_eq!(refused.header("retry-after"), "3600");
    ada.post("/generations/veo3", &json!({}))
        .await
        .problem(429, "quota_exceeded");
    eve.get("/credits").await.expect(200);
}

#[tokio::test]
async fn a_caller_with_an_unknown_key_is_refused_and_told_nothing() {
    let cloud = Cloud::start().await;
    let person = cloud.person().await;
    is_keyed(&person).await;
    // The record names the key of another term, which does not exist.
    set(&person, "plan_term", 7).await;
    set(&person, "keyed_term", 7).await;
    cloud.stack.forget_callers();
    let refused = person.get("/me").await;
    refused.problem(403, "forbidden");
    let Value::String(detail) = &refused.body["detail"] else {
        panic!("{:?}", refused.body);
    };
    assert!(!detail.contains("key"), "{detail}");
}

#[tokio::test]
async fn a_key_is_named_only_when_all_of_api_gateway_had_the_time_to_hear_of_it() {
    let cloud = Cloud::start_with(&[("KeySettleSeconds", "2")]).await;
    let ada = cloud.person().await;
    cloud.verify_by_hand(&ada).await;
    let called_at_ms = now_ms();
    ada.get("/me").await.expect(200);
    eventually("the note of the key to settle", || async {
        (!notes(&cloud).await.is_empty()).then_some(())
    })
    .await;
    let made = keys(&ada);
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].plans, ["velro-local-freeplan"]);
    let me = ada.get("/me").await.expect(200);
    assert_eq!(me["rate_limit"], json!({"plan": "free", "key": "shared"}));
    let later = notes(&cloud).await[0].1;
    assert!((later - called_at_ms) >= 1_000, "{later}");
    eventually("the key to be named", || async {
        look(&ada, later).await;
        number(&ada, "keyed_term").await
    })
    .await;
    assert_eq!(keys(&ada), made);
    cloud.stack.forget_callers();
    let me = ada.get("/me").await.expect(200);
    assert_eq!(
        me["rate_limit"],
        json!({"plan": "free", "key": "dedicated"})
    );
}
