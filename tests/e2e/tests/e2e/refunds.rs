//! An admin's refunds: once for each job, never more than was spent, and to the one who paid.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{Cloud, Person, send};
use crate::team_wallets::{cap, committed, fund, id};
use crate::teams::Cast;
use crate::withheld::{check_reconciled, remaining};

const PICTURE: i64 = 25;

/// Makes a picture, which is delivered and paid for; its id.
async fn delivered(person: &Person<'_>) -> String {
    let id = person.generate("flux-dev", "to be regretted").await;
    person.when(&id, "succeeded").await;
    id
}

fn refund(generation: &str) -> String {
    format!("/admin/generations/{generation}/refund")
}

#[tokio::test]
async fn a_refund_gives_back_what_was_spent_and_says_why() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let (key, secret) = make(&ada, &json!({"credit_cap": 60})).await;
    let request = cloud.request(Method::POST, "/generations/flux-dev");
    let order = request
        .bearer_auth(&secret)
        .json(&json!({"prompt": "by a key"}));
    let order = send(order).await.expect(202);
    let paid_by_key = order["id"].as_str().unwrap().to_owned();
    ada.when(&paid_by_key, "succeeded").await;
    let other = delivered(&ada).await;

    let body = json!({"reason": "Not what the model promises"});
    let entry = admin.post(&refund(&paid_by_key), &body).await.expect(201);
    assert_eq!(
        (
            &entry["kind"],
            &entry["amount"],
            &entry["available_delta"],
            &entry["held_delta"]
        ),
        (
            &json!("refund"),
            &json!(PICTURE),
            &json!(PICTURE),
            &json!(0)
        )
    );
    assert_eq!(entry["generation_id"], paid_by_key);
    assert_eq!(entry["actor"], admin.id);
    assert_eq!(entry["description"], "Not what the model promises");
    let part = json!({"reason": "Half of it", "amount": 10});
    let entry = admin.post(&refund(&other), &part).await.expect(201);
    assert_eq!(entry["amount"], 10);

    let books = ada.books().await;
    assert_eq!(books.balance(), (1_000 - PICTURE + 10, 0));
    assert_eq!(books.wallet["lifetime_spent"], PICTURE - 10);
    assert_eq!(remaining(&ada, &key).await, 60);
    let generation = ada.generation(&paid_by_key).await;
    let receipt = json!({
        "quoted": PICTURE, "held": 0, "captured": PICTURE, "released": 0, "refunded": PICTURE, "reason": null,
    });
    assert_eq!(
        (&generation["status"], &generation["receipt"]),
        (&json!("succeeded"), &receipt)
    );
    assert_eq!(ada.generation(&other).await["receipt"]["refunded"], 10);
    let stats = ada.get("/credits/stats?days=2").await.expect(200);
    assert_eq!(
        (&stats["spent"], &stats["generations"]),
        (&json!(PICTURE - 10), &json!(2))
    );
    let log = admin
        .get(&format!("/admin/audit?user_id={}", ada.id))
        .await
        .expect(200);
    assert_eq!(log["data"][0]["act"], "credits_refunded");
    assert_eq!(log["data"][0]["subject"], entry["id"]);
    check_reconciled(&cloud).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_refunds_at_once_one_is_booked() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let (with_keys, without) = (delivered(&ada).await, delivered(&ada).await);
    let body = json!({"reason": "Sorry", "amount": 20});

    let (with_key, twice) = (refund(&with_keys), refund(&without));
    let same_key = (0..10).map(|_| admin.post_once(&with_key, "refund-1", &body));
    let no_key = (0..10).map(|_| admin.post(&twice, &body));
    let (same_key, no_key) = tokio::join!(join_all(same_key), join_all(no_key));
    let mut entries: Vec<Value> = Vec::new();
    for answer in same_key {
        match answer.status {
            201 => entries.push(answer.body),
            _ => assert!(matches!(answer.status, 409 | 503), "{:?}", answer.body),
        }
    }
    assert!(!entries.is_empty() && entries.windows(2).all(|pair| pair[0] == pair[1]));
    let booked = no_key.iter().filter(|answer| answer.status == 201).count();
    let refused = no_key.iter().filter(|answer| answer.status != 201);
    assert_eq!(booked, 1);
    refused.for_each(|answer| drop(answer.problem(409, "conflict")));

    let again = admin.post_once(&with_key, "refund-1", &body).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(201), entries[0]);
    let another = json!({"reason": "Sorry", "amount": 5});
    admin
        .post_once(&with_key, "refund-1", &another)
        .await
        .problem(422, "idempotency_mismatch");
    admin
        .post(&with_key, &another)
        .await
        .problem(409, "conflict");
    let books = ada.books().await;
    assert_eq!(
        (books.balance(), books.count("refund")),
        ((1_000 - 10, 0), 2)
    );
}

#[tokio::test]
async fn what_was_not_spent_is_not_given_back_and_nobody_else_gives_back() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let body = json!({"reason": "Sorry"});
    let failed = ada
        .generate("flux-dev", "[[fail:content_policy_violation]]")
        .await;
    ada.when(&failed, "failed").await;
    let running = ada.generate("flux-dev", "slow [[delay:20s]]").await;
    for unpaid in [&failed, &running] {
        admin
            .post(&refund(unpaid), &body)
            .await
            .problem(409, "conflict");
    }
    let paid = delivered(&ada).await;
    ada.post(&refund(&paid), &body)
        .await
        .problem(403, "forbidden");
    let too_much = json!({"reason": "Sorry", "amount": PICTURE + 1});
    let fields = admin
        .post(&refund(&paid), &too_much)
        .await
        .problem(422, "validation_failed");
    assert!(fields.contains("amount"), "{fields:?}");
    for (field, wrong) in [
        ("amount", json!({"reason": "Sorry", "amount": 0})),
        ("amount", json!({"reason": "Sorry", "amount": -5})),
        ("reason", json!({"amount": 5})),
        ("reason", json!({"reason": "  "})),
    ] {
        let fields = admin
            .post(&refund(&paid), &wrong)
            .await
            .problem(422, "validation_failed");
        assert!(fields.contains(field), "{wrong}: {fields:?}");
    }
    for nothing in ["gen_01KG9QZ3M4T5V6W7X8Y9Z0ABCD", "usr_x", "x"] {
        admin
            .post(&refund(nothing), &body)
            .await
            .problem(404, "not_found");
    }
    ada.delete(&format!("/generations/{paid}"))
        .await
        .expect(204);
    admin
        .post(&refund(&paid), &body)
        .await
        .problem(404, "not_found");
    assert_eq!(ada.books().await.count("refund"), 0);
}

#[tokio::test]
async fn a_teams_refund_goes_into_its_wallet_and_its_members_month() {
    let cloud = Cloud::with_admin().await;
    let (admin, cast) = (cloud.admin().await, Cast::new(&cloud).await);
    let (ada, member, team) = (&cast.ada, &cast.contributor, &cast.team);
    fund(ada, team, 200).await;
    cap(ada, team, member, Some(PICTURE)).await;
    let first = member.generate_for(id(team), "flux-dev", "one").await;
    member.when(&first, "succeeded").await;
    let full = member.ask_for(id(team), "flux-dev", "two").await;
    full.problem(402, "member_cap_reached");

    let body = json!({"reason": "Sorry"});
    admin.post(&refund(&first), &body).await.expect(201);
    assert_eq!(committed(ada, team, member).await, 0);
    let second = member.generate_for(id(team), "flux-dev", "two").await;
    member.when(&second, "succeeded").await;
    let audit = ada.get(&format!("{team}/audit")).await.expect(200);
    assert_eq!(audit["data"][0]["act"], "credits_refunded");

    let of_team = format!("/admin/audit?team_id={}", id(team));
    let seen = admin.get(&of_team).await.expect(200);
    assert_eq!(seen["data"], audit["data"]);
    let both = format!("{of_team}&user_id={}", ada.id);
    let fields = admin.get(&both).await.problem(422, "validation_failed");
    assert!(fields.contains("team_id"), "{fields:?}");

    // The member's count may be forgotten by then: the wallet gets its credits all the same.
    let table = "velro-local-teamstable";
    for (of, item) in cloud.every_item().await {
        let sort = item.get("item").and_then(|sort| sort.as_s().ok());
        if of == table && sort.is_some_and(|sort| sort.starts_with("spent#")) {
            let delete = cloud.dynamodb().delete_item().table_name(table);
            let delete = delete.key("team", item["team"].clone());
            let sort = AttributeValue::S(sort.unwrap().clone());
            delete.key("item", sort).send().await.unwrap();
        }
    }
    admin.post(&refund(&second), &body).await.expect(201);
    let books = ada.team_books(id(team)).await;
    assert_eq!((books.balance(), books.count("refund")), ((200, 0), 2));
    assert_eq!(member.books().await.balance(), (1_000, 0));
    check_reconciled(&cloud).await;
}
