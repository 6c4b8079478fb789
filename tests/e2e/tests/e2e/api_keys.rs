//! Personal API keys: shown once, limited to their scopes and their cap, and ended at any time.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Cloud, Person, send};

const PICTURE: &str = "/generations/flux-dev";

/// Makes a key; its id and its secret.
pub async fn make(person: &Person<'_>, body: &Value) -> (String, String) {
    let made = person.post("/me/api-keys", body).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    (made.text("id"), made.text("secret"))
}

async fn with_key(cloud: &Cloud, key: &str, method: Method, path: &str) -> Answer {
    let request = cloud.request(method, path).bearer_auth(key);
    send(request.json(&json!({"prompt": "with a key [[delay:1ms]]"}))).await
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_its_scopes_say() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let (reader, read) = make(&ada, &json!({"name": "reader", "scopes": ["read"]})).await;
    let (_, full) = make(&ada, &json!({})).await;
    assert!(read.starts_with("vk_") && read != full);

    let status = async |key: &str, method: Method, path: &str| {
        with_key(&cloud, key, method, path).await.status
    };
    assert_eq!(status(&read, Method::GET, "/credits").await, 200);
    let refused = with_key(&cloud, &read, Method::POST, PICTURE).await;
    refused.problem(403, "forbidden");
    assert_eq!(status(&full, Method::GET, "/credits").await, 200);
    assert_eq!(status(&full, Method::POST, PICTURE).await, 202);
    // Routes that need their owner in person are closed to every key.
    for (method, path) in [
        (Method::GET, "/me".to_owned()),
        (Method::GET, "/me/api-keys".to_owned()),
        (Method::POST, "/me/api-keys".to_owned()),
        (Method::DELETE, format!("/me/api-keys/{reader}")),
    ] {
        assert_eq!(status(&full, method, &path).await, 403, "{path}");
    }

    let list = ada.get("/me/api-keys").await.expect(200);
    let keys = list["data"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    assert!(keys.iter().all(|key| key.get("secret").is_none()), "{list}");
    assert_eq!(keys[1]["name"], "reader");
    assert!(keys[1]["last_used_at"].is_string(), "{list}");
    // Only a digest is kept.
    let kept = cloud.everything_kept().await;
    for secret in [&read, &full] {
        let secret = &secret[secret.len() - 51..secret.len() - 8];
        assert!(!kept.contains(secret), "a key's secret is kept in clear");
        assert!(!cloud.stack.logs().iter().any(|line| line.contains(secret)));
    }
}

#[tokio::test]
async fn a_deleted_or_expired_key_opens_nothing_and_anothers_is_not_there() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let (id, secret) = make(&ada, &json!({})).await;
    let path = format!("/me/api-keys/{id}");
    let delete = |person: &Person<'_>| send(person.request(Method::DELETE, &path));
    delete(&eve).await.problem(404, "not_found");
    assert_eq!(delete(&ada).await.status, 204);
    delete(&ada).await.problem(404, "not_found");
    let answer = with_key(&cloud, &secret, Method::GET, "/credits").await;
    answer.problem(401, "unauthorized");
    assert_eq!(ada.get("/me/api-keys").await.expect(200)["data"], json!([]));

    let soon = crate::harness::in_time(std::time::Duration::from_secs(3));
    let (_, short) = make(&ada, &json!({"expires_at": soon})).await;
    crate::harness::eventually("the key to expire", || async {
        let answer = with_key(&cloud, &short, Method::GET, "/credits").await;
        // The authorizer's answer is kept for a minute: forget it, as a new gateway node would.
        cloud.stack.forget_callers();
        (answer.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_guessed_or_mistyped_key_opens_nothing() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let (_, hers) = make(&eve, &json!({})).await;
    let (_, secret) = make(&ada, &json!({})).await;
    let (body, _) = secret.split_at(secret.len() - 8);
    let stolen = format!("{}{}", &hers[..56], &secret[56..]);
    for forged in [
        body.to_owned(),
        format!("{body}00000000"),
        format!("{}0", &secret[..secret.len() - 1]),
        secret.to_lowercase(),
        stolen,
        "vk_".to_owned(),
        "vk_____".to_owned(),
    ] {
        if forged == secret {
            continue;
        }
        let answer = with_key(&cloud, &forged, Method::GET, "/credits").await;
        assert_eq!(answer.status, 401, "{forged}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_binds_however_many_spend_at_once_and_a_release_frees_it() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let (_, key) = make(&ada, &json!({"credit_cap": 110})).await;
    let answers = join_all((0..30).map(|_| with_key(&cloud, &key, Method::POST, PICTURE))).await;
    let accepted = answers.iter().filter(|answer| answer.status == 202);
    assert_eq!(accepted.count(), 4);
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        answer.problem(402, "key_cap_reached");
    }
    for answer in answers.iter().filter(|answer| answer.status == 202) {
        ada.when(&answer.text("id"), "succeeded").await;
    }
    assert_eq!(ada.books().await.balance(), (900, 0));
    let list = ada.get("/me/api-keys").await.expect(200);
    assert_eq!(list["data"][0]["credits_remaining"], 10);

    // A job that was not delivered does not count, and the key may be gone by then.
    let (id, key) = make(&ada, &json!({"credit_cap": 25})).await;
    let request = || cloud.request(Method::POST, PICTURE).bearer_auth(&key);
    let failing = send(request().json(&json!({"prompt": "[[fail]]"}))).await;
    assert_eq!(failing.status, 202);
    let second = send(request().json(&json!({"prompt": "second"}))).await;
    second.problem(402, "key_cap_reached");
    ada.when(&failing.text("id"), "failed").await;
    let slow = send(request().json(&json!({"prompt": "[[fail]][[delay:2s]]"}))).await;
    assert_eq!(slow.status, 202, "{:?}", slow.body);
    let gone = ada.request(Method::DELETE, &format!("/me/api-keys/{id}"));
    assert_eq!(send(gone).await.status, 204);
    ada.when(&slow.text("id"), "failed").await;
    assert_eq!(ada.books().await.balance(), (900, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_of_a_day_or_a_month_binds_in_each_and_comes_back_with_the_next() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for period in ["day", "month"] {
        let (id, key) = make(&ada, &json!({"credit_cap": 60, "cap_period": period})).await;
        let answers = join_all((0..6).map(|_| with_key(&cloud, &key, Method::POST, PICTURE))).await;
        let accepted = answers.iter().filter(|answer| answer.status == 202);
        assert_eq!(accepted.count(), 2, "{period}");
        for answer in answers.iter().filter(|answer| answer.status != 202) {
            answer.problem(402, "key_cap_reached");
        }
        // The credits of a job that is not delivered may be spent again in the same period.
        let request = || cloud.request(Method::POST, PICTURE).bearer_auth(&key);
        let (_, left) = cap_of(&ada, &id).await;
        assert_eq!(left, 10, "{period}");
        for answer in answers.iter().filter(|answer| answer.status == 202) {
            ada.when(&answer.text("id"), "succeeded").await;
        }

        cloud.end_period(&ada.id, &id).await;
        assert_eq!(cap_of(&ada, &id).await, (json!(period), json!(60)));
        let failing = send(request().json(&json!({"prompt": "[[fail]][[delay:2s]]"}))).await;
        assert_eq!(failing.status, 202, "{:?}", failing.body);
        assert_eq!(cap_of(&ada, &id).await.1, 35);
        ada.when(&failing.text("id"), "failed").await;
        assert_eq!(cap_of(&ada, &id).await.1, 60);
        // A job that ends in a later period than it began in gives nothing back to that later one.
        let late = send(request().json(&json!({"prompt": "[[fail]][[delay:3s]]"}))).await;
        cloud.end_period(&ada.id, &id).await;
        let now = send(request().json(&json!({"prompt": "in the next one"}))).await;
        cloud.begin_later_period(&ada.id, &id).await;
        ada.when(&late.text("id"), "failed").await;
        ada.when(&now.text("id"), "succeeded").await;
        let item = cloud.key_item(&ada.id, &id).await;
        assert_eq!(item["remaining"].as_n().unwrap(), "35", "{period}");
    }
    ada.books().await;
}

/// A key's cap as its owner sees it: its period, and the credits that remain of it.
async fn cap_of(person: &Person<'_>, key: &str) -> (Value, Value) {
    let list = person.get("/me/api-keys").await.expect(200);
    let mut keys = list["data"].as_array().unwrap().iter();
    let key = keys.find(|known| known["id"] == key).unwrap();
    (key["cap_period"].clone(), key["credits_remaining"].clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_wallet_and_cap_the_smaller_binds() {
    let cloud = Cloud::start_with(&[("SignUpCredits", "60")]).await;
    let ada = cloud.person().await;
    let (_, wide) = make(&ada, &json!({"credit_cap": 1_000})).await;
    let answers = join_all((0..3).map(|_| with_key(&cloud, &wide, Method::POST, PICTURE))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 202, 402]);
    let refused = answers.iter().find(|answer| answer.status == 402).unwrap();
    refused.problem(402, "out_of_credits");
    let list = ada.get("/me/api-keys").await.expect(200);
    assert_eq!(list["data"][0]["credits_remaining"], 950);
}

#[tokio::test]
async fn a_key_that_cannot_be_is_refused_by_field_and_there_are_at_most_twenty() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for (field, body) in [
        ("name", json!({"name": ""})),
        ("name", json!({"name": "x".repeat(101)})),
        ("name", json!({"name": 5})),
        ("expires_at", json!({"expires_at": "tomorrow"})),
        ("expires_at", json!({"expires_at": "2020-01-01T00:00:00Z"})),
        ("credit_cap", json!({"credit_cap": 0})),
        ("credit_cap", json!({"credit_cap": -5})),
        ("credit_cap", json!({"credit_cap": 1.5})),
        ("credit_cap", json!({"cap_period": "day"})),
        ("cap_period", json!({"credit_cap": 5, "cap_period": "year"})),
        ("scopes", json!({"scopes": []})),
        ("scopes", json!({"scopes": "read"})),
        ("scopes[0]", json!({"scopes": ["admin"]})),
        ("scopes[1]", json!({"scopes": ["read", "read"]})),
        (
            "user_id",
            json!({"user_id": "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"}),
        ),
    ] {
        let fields = ada
            .post("/me/api-keys", &body)
            .await
            .problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    assert_eq!(ada.get("/me/api-keys").await.expect(200)["data"], json!([]));
    for _ in 0..20 {
        make(&ada, &json!({"scopes": ["read"]})).await;
    }
    ada.post("/me/api-keys", &json!({}))
        .await
        .problem(409, "conflict");
}
