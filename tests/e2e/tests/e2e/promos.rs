//! Promo codes: valid for the number of times and the time that the admin set, and once for each user.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person, in_time};

const CODES: &str = "/admin/promo-codes";
const REDEEM: &str = "/credits/redeem";

async fn make(admin: &Person<'_>, code: &str, times: u32) -> Value {
    let body = json!({"code": code, "credits": 250, "max_redemptions": times});
    admin.post(CODES, &body).await.expect(201)
}

async fn people(cloud: &Cloud, count: usize) -> Vec<Person<'_>> {
    join_all((0..count).map(|_| cloud.person())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_users_at_once_ten_redeem_a_code_for_ten() {
    let cloud = Cloud::with_admin().await;
    let admin = cloud.admin().await;
    make(&admin, "first-ten", 10).await;
    let people = people(&cloud, 100).await;
    let body = json!({"code": "FIRST-TEN"});
    let answers = join_all(people.iter().map(|person| person.post(REDEEM, &body))).await;
    let mut redeemed = 0;
    for (person, answer) in people.iter().zip(&answers) {
        let books = person.books().await;
        if answer.status == 201 {
            redeemed += 1;
            assert_eq!(
                (&answer.body["kind"], &answer.body["amount"]),
                (&json!("redeem"), &json!(250))
            );
            assert_eq!(books.lines(), [("bonus", 1_000, 0), ("redeem", 250, 0)]);
        } else {
            answer.problem(404, "not_found");
            assert_eq!(books.lines(), [("bonus", 1_000, 0)]);
        }
    }
    assert_eq!(redeemed, 10);
    let list = admin.get(CODES).await.expect(200);
    assert_eq!(list["data"][0]["redeemed"], 10);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_redeems_a_code_once_however_often_they_ask() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada, bob) = (
        cloud.admin().await,
        cloud.person().await,
        cloud.person().await,
    );
    make(&admin, "SPRING-2030", 10).await;
    let body = json!({"code": "spring-2030"});
    let answers = join_all((0..20).map(|_| ada.post(REDEEM, &body))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    for answer in answers.iter().filter(|a| a.status != 201) {
        answer.problem(409, "conflict");
    }
    // With a key, the same request has the same answer.
    let answers = join_all((0..20).map(|_| bob.post_once(REDEEM, "key", &body))).await;
    for answer in &answers {
        assert_eq!(
            (answer.status, answer.text("id")),
            (201, answers[0].text("id"))
        );
    }
    make(&admin, "AUTUMN-2030", 10).await;
    let other = bob
        .post_once(REDEEM, "key", &json!({"code": "AUTUMN-2030"}))
        .await;
    other.problem(422, "idempotency_mismatch");
    for person in [&ada, &bob] {
        assert_eq!(person.books().await.balance(), (1_250, 0));
    }
    let list = admin.get("/admin/promo-codes?limit=1").await.expect(200);
    assert_eq!(list["data"][0]["code"], "AUTUMN-2030");
    let next = list["next_cursor"].as_str().unwrap();
    let list = admin
        .get(&format!("{CODES}?cursor={next}"))
        .await
        .expect(200);
    assert_eq!(
        (&list["data"][0]["code"], &list["data"][0]["redeemed"]),
        (&json!("SPRING-2030"), &json!(2))
    );
}

#[tokio::test]
async fn an_unknown_an_ended_and_a_used_up_code_are_the_same_to_a_stranger() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada, eve) = (
        cloud.admin().await,
        cloud.person().await,
        cloud.person().await,
    );
    make(&admin, "USED-UP", 1).await;
    ada.post(REDEEM, &json!({"code": "USED-UP"}))
        .await
        .expect(201);
    let soon = in_time(Duration::from_secs(3_600));
    let ends = json!({"code": "ENDED-1", "credits": 5, "max_redemptions": 5, "expires_at": soon});
    admin.post(CODES, &ends).await.expect(201);
    cloud
        .dynamodb()
        .update_item()
        .table_name("velro-local-creditstable")
        .key("tenant", AttributeValue::S("promos".to_owned()))
        .key("entry", AttributeValue::S("ENDED-1".to_owned()))
        .update_expression("SET expires_at_ms = :past")
        .condition_expression("attribute_exists(expires_at_ms)")
        .expression_attribute_values(":past", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    let mut answers = Vec::new();
    for code in ["NEVER-WAS", "USED-UP", "ENDED-1"] {
        let mut answer = eve.post(REDEEM, &json!({"code": code})).await;
        assert!(answer.problem(404, "not_found").contains("code"));
        answer.body["request_id"] = json!("");
        answers.push(answer.body);
    }
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    for bad in [
        json!({}),
        json!({"code": "short"}),
        json!({"code": 5}),
        json!({"code": "with space"}),
    ] {
        let fields = eve
            .post(REDEEM, &bad)
            .await
            .problem(422, "validation_failed");
        assert!(fields.contains("code"), "{bad}: {fields:?}");
    }
    assert_eq!(eve.books().await.lines().len(), 1);
}

#[tokio::test]
async fn a_code_that_cannot_be_is_refused_by_field() {
    let cloud = Cloud::with_admin().await;
    let admin = cloud.admin().await;
    make(&admin, "TWICE-1", 1).await;
    let again = json!({"code": "twice-1", "credits": 1, "max_redemptions": 1});
    admin.post(CODES, &again).await.problem(409, "conflict");
    for (field, value) in [
        ("code", json!("x")),
        ("credits", json!(0)),
        ("credits", json!(1_000_001)),
        ("max_redemptions", json!(-1)),
        ("max_redemptions", Value::Null),
        ("expires_at", json!("2001-01-01T00:00:00Z")),
        ("expires_at", json!("soon")),
        ("redeemed", json!(0)),
    ] {
        let mut body = json!({"code": "GOOD-ONE", "credits": 1, "max_redemptions": 1});
        body[field] = value;
        let fields = admin
            .post(CODES, &body)
            .await
            .problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    let list = admin.get(CODES).await.expect(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
}
