//! The audit log: each act leaves a record, in one chain without gaps, even when much happens at once.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Cloud, PASSWORD, Person, eventually, send, token_in};

type Item = HashMap<String, AttributeValue>;

/// The stored items of a chain, oldest first, the head last.
async fn kept(cloud: &Cloud, chain: &str) -> Vec<Item> {
    let found = cloud
        .dynamodb()
        .query()
        .table_name("velro-local-audittable")
        .key_condition_expression("chain = :chain")
        .expression_attribute_values(":chain", AttributeValue::S(chain.to_owned()))
        .send()
        .await
        .unwrap();
    found.items.unwrap()
}

fn text<'a>(item: &'a Item, field: &str) -> &'a str {
    item[field].as_s().unwrap()
}

/// Act, actor and subject of each record of a person's chain, oldest first, which must
/// have no gap and end at its head.
async fn acts(person: &Person<'_>) -> Vec<(String, String, String)> {
    let mut items = kept(person.cloud, &person.id).await;
    let head = items.pop().unwrap();
    assert_eq!(text(&head, "place"), "head");
    let last = items.last().unwrap();
    assert_eq!(
        (&head["sequence"], &head["hash"]),
        (&last["sequence"], &last["hash"])
    );
    let record = |(n, item): (usize, &Item)| {
        assert_eq!(item["sequence"].as_n().unwrap(), &(n + 1).to_string());
        let field = |name| text(item, name).to_owned();
        (field("act"), field("actor"), field("subject"))
    };
    items.iter().enumerate().map(record).collect()
}

async fn sign_in(person: &Person<'_>) -> u16 {
    let body = json!({"email": person.email, "password": PASSWORD});
    person.cloud.post("/auth/login", &body).await.status
}

#[tokio::test]
async fn what_a_person_does_to_their_account_is_recorded_in_order() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    assert_eq!(sign_in(&ada).await, 200);
    let key = ada.post("/me/api-keys", &json!({})).await.text("id");
    let path = format!("/me/api-keys/{key}");
    let delete = || send(ada.request(Method::DELETE, &path));
    assert_eq!(delete().await.status, 204);
    // An act that did not happen is not recorded.
    delete().await.problem(404, "not_found");
    let wrong = json!({"email": ada.email, "password": "not the right pass phrase"});
    cloud
        .post("/auth/login", &wrong)
        .await
        .problem(401, "unauthorized");
    let again = json!({"email": ada.email, "password": PASSWORD});
    cloud
        .post("/auth/register", &again)
        .await
        .problem(409, "conflict");

    let acts = acts(&ada).await;
    let acts: Vec<_> = acts
        .iter()
        .map(|(act, actor, subject)| {
            assert_eq!(*actor, ada.id);
            (act.as_str(), subject.as_str())
        })
        .collect();
    let session = acts[1].1;
    assert!(session.starts_with("ses_"), "{session}");
    assert_eq!(
        acts,
        [
            ("registered", ada.id.as_str()),
            ("signed_in", session),
            ("key_created", key.as_str()),
            ("key_deleted", key.as_str()),
        ]
    );
    let log = format!("{:?}", kept(&cloud, &ada.id).await);
    assert!(!log.contains(&ada.email), "the log names a person");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acts_at_the_same_moment_leave_a_chain_without_gaps() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let keys = (0..6).map(|_| async {
        let made = ada.post("/me/api-keys", &json!({"scopes": ["read"]})).await;
        made.status
    });
    let sign_ins = (0..20).map(|_| sign_in(&ada));
    let (keys, sign_ins) = tokio::join!(join_all(keys), join_all(sign_ins));
    // A request that waited too long for others is told to come back.
    assert!(
        keys.iter().all(|status| [201, 503].contains(status)),
        "{keys:?}"
    );
    assert!(
        sign_ins
            .iter()
            .all(|status| [200, 429, 503].contains(status)),
        "{sign_ins:?}"
    );

    let acts = acts(&ada).await;
    let recorded = |act: &str| acts.iter().filter(|(name, _, _)| name == act).count();
    let done =
        |statuses: &[u16], done: u16| statuses.iter().filter(|status| **status == done).count();
    assert_eq!(recorded("key_created"), done(&keys, 201));
    assert_eq!(recorded("signed_in"), done(&sign_ins, 200));
    assert_eq!(acts.len(), 1 + done(&keys, 201) + done(&sign_ins, 200));
    assert!(acts.len() > 4, "hardly anything was done");
}

#[tokio::test]
async fn nobody_signs_in_past_a_log_that_cannot_be_written() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let ada = cloud.person().await;
    let head = |client: aws_sdk_dynamodb::Client| {
        client
            .delete_item()
            .table_name("velro-local-audittable")
            .key("chain", AttributeValue::S(ada.id.clone()))
            .key("place", AttributeValue::S("head".to_owned()))
    };
    head(cloud.dynamodb()).send().await.unwrap();
    // The place of the first record is taken, so no record can be put there; and without a record, no session
    // begins.
    let body = json!({"email": ada.email, "password": PASSWORD});
    let refused = cloud.post("/auth/login", &body).await;
    refused.problem(503, "provider_unavailable");
    assert_eq!(kept(&cloud, &ada.id).await.len(), 1);
    let sessions = cloud
        .everything_kept()
        .await
        .matches("\"refresh_digest\"")
        .count();
    assert_eq!(sessions, 1, "a session began without a record");
}

#[tokio::test]
async fn an_admin_reads_what_was_done_to_an_account_and_to_the_platform_page_by_page() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let letters = cloud.letters(&ada.email, "Verify your e-mail address", 1);
    let token = json!({"token": token_in(&letters.await[0])});
    assert_eq!(ada.post("/auth/verify-email", &token).await.status, 204);
    let change = json!({"current_password": PASSWORD, "new_password": "another long pass phrase"});
    assert_eq!(ada.post("/me/password", &change).await.status, 204);
    let user = format!("/admin/users/{}", ada.id);
    let both = json!({"plan": "pro", "suspended": true});
    admin.patch(&user, &both).await.expect(200);
    admin
        .patch(&user, &json!({"suspended": false}))
        .await
        .expect(200);
    let ada = ada.sign_in("another long pass phrase").await;
    assert_eq!(ada.post("/auth/logout", &json!({})).await.status, 204);
    let code = json!({"code": "AUTUMN-2030", "credits": 5, "max_redemptions": 1});
    admin.post("/admin/promo-codes", &code).await.expect(201);
    admin
        .post("/admin/promo-codes", &code)
        .await
        .problem(409, "conflict");

    let mut lines = Vec::new();
    let first = format!("/admin/audit?user_id={}&limit=3", ada.id);
    let mut path = first.clone();
    loop {
        let page = admin.get(&path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 3);
        for line in data {
            let field = |name: &str| line[name].as_str().unwrap().to_owned();
            lines.push((field("act"), field("actor"), field("subject")));
        }
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{first}&cursor={cursor}");
    }
    lines.reverse();
    assert_eq!(lines, acts(&ada).await);
    let told = lines.iter().map(|(act, actor, _)| {
        let who = if *actor == ada.id { "ada" } else { "admin" };
        (act.as_str(), who)
    });
    let expected = [
        ("registered", "ada"),
        ("email_verified", "ada"),
        ("password_changed", "ada"),
        ("plan_changed", "admin"),
        ("suspended", "admin"),
        ("reinstated", "admin"),
        ("signed_in", "ada"),
        ("signed_out", "ada"),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);

    let platform = admin.get("/admin/audit").await.expect(200);
    let platform = platform["data"].as_array().unwrap();
    assert_eq!(platform.len(), 1, "{platform:?}");
    assert_eq!(platform[0]["act"], "promo_code_created");
    assert_eq!(platform[0]["subject"], "AUTUMN-2030");
    // A cursor is for its list and its reader.
    let cursor = path.split_once("&cursor=").unwrap().1;
    let other = format!("/admin/audit?user_id={}&cursor={cursor}", admin.id);
    admin.get(&other).await.problem(400, "invalid_cursor");
}

const GRANTS: &str = "/admin/credits/grants";

/// Acts of the person's chain, each with its subject, without the first one, which made the account.
async fn later_acts(person: &Person<'_>, actor: &str) -> Vec<(String, String)> {
    let acts = acts(person).await;
    let later = acts.into_iter().skip(1);
    let by = |(act, who, subject)| {
        assert_eq!(who, actor);
        (act, subject)
    };
    later.map(by).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_admins_do_to_a_wallet_is_recorded_once_with_its_entry() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let body = |amount: i64| json!({"user_id": ada.id, "amount": amount, "reason": "Sorry"});
    let gift = body(50);
    let mut expected = Vec::new();
    for _ in 0..2 {
        let given = admin.post_once(GRANTS, "gift", &gift).await;
        expected = vec![("credits_granted".to_owned(), given.text("id"))];
    }
    let taken = admin.post(GRANTS, &body(-1_000)).await.text("id");
    expected.push(("credits_adjusted".to_owned(), taken));
    // A refused grant did not happen.
    let refused = admin.post(GRANTS, &body(-51)).await;
    refused.problem(409, "conflict");
    assert_eq!(later_acts(&ada, &admin.id).await, expected);

    let moves: Vec<_> = (0..12)
        .map(|n| body(if n % 2 == 0 { 10 } else { -40 }))
        .collect();
    let answers = join_all(moves.iter().map(|body| admin.post(GRANTS, body))).await;
    for answer in answers {
        if answer.status != 201 {
            answer.problem(409, "conflict");
            continue;
        }
        let act = match answer.body["kind"] == "grant" {
            true => "credits_granted",
            false => "credits_adjusted",
        };
        expected.push((act.to_owned(), answer.text("id")));
    }
    let mut recorded = later_acts(&ada, &admin.id).await;
    // The log has them in the ledger's order.
    let books = ada.books().await;
    let booked = books.entries.iter().skip(1).map(|entry| &entry["id"]);
    let told = recorded.iter().map(|(_, entry)| json!(entry));
    assert!(told.eq(booked.cloned()), "{recorded:?}");
    recorded.sort_unstable();
    expected.sort_unstable();
    assert_eq!(recorded, expected);
    assert!(expected.len() > 7, "{expected:?}");
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_plan_that_comes_with_a_purchase_is_recorded_when_it_is_booked() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let url = "https://shop.example/";
    let packs = ["starter", "creator", "creator"];
    for (n, pack) in packs.into_iter().enumerate() {
        let wanted = json!({"pack": pack, "success_url": url, "cancel_url": url});
        let begun = ada.post("/credits/checkout", &wanted).await.expect(201);
        let pay = cloud.http.post(begun["url"].as_str().unwrap());
        pay.send().await.unwrap();
        eventually("the purchase", || async {
            (ada.books().await.count("purchase") == n + 1).then_some(())
        })
        .await;
    }
    // The first sale brings no plan, and the last one brings a plan that she has already.
    let plan = ("plan_changed".to_owned(), "basic".to_owned());
    assert_eq!(later_acts(&ada, "system").await, [plan]);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
