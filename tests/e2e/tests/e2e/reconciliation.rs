//! Reconciliation: books in order are found in order, tampering is found and named, and an interrupted run
//! goes on.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person};

const CREDITS: &str = "velro-local-creditstable";
const AUDIT: &str = "velro-local-audittable";

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// Changes one attribute of an item directly in the database.
async fn tamper(db: &Client, table: &str, keys: [(&str, &str); 2], name: &str, to: AttributeValue) {
    let mut update = db.update_item().table_name(table);
    for (key, value) in keys {
        update = update.key(key, text(value));
    }
    update
        .update_expression("SET #name = :to")
        .condition_expression("attribute_exists(#name)")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":to", to)
        .send()
        .await
        .unwrap();
}

/// The keys of an item among somebody's credits: their wallet, or an entry of their ledger.
fn of_credits<'a>(person: &'a Person<'_>, entry: &'a str) -> [(&'static str, &'a str); 2] {
    [("tenant", &person.id), ("entry", entry)]
}

/// The keys of a record in somebody's audit log.
fn of_log<'a>(person: &'a Person<'_>, place: &'a str) -> [(&'static str, &'a str); 2] {
    [("chain", &person.id), ("place", place)]
}

/// The entry by which somebody got their first credits.
fn bonus(person: &Person<'_>) -> String {
    format!("txn_{}-bonus", person.id.trim_start_matches("usr_"))
}

async fn remove(db: &Client, table: &str, keys: [(&str, &str); 2]) {
    let mut delete = db.delete_item().table_name(table);
    for (key, value) in keys {
        delete = delete.key(key, text(value));
    }
    delete.send().await.unwrap();
}

/// Registers somebody who has spent something: a bonus, a hold and a capture.
async fn spender(cloud: &Cloud) -> Person<'_> {
    let person = cloud.person().await;
    let id = person
        .generate("flux-dev", "a quiet harbour [[delay:1ms]]")
        .await;
    person.when(&id, "succeeded").await;
    person
}

/// Chain, part, trouble and place of each finding, sorted.
fn findings(run: &Value) -> Vec<(String, String, String, u64)> {
    let broken = run["broken"].as_array().unwrap();
    assert_eq!(run["broken_count"], broken.len());
    let field = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let mut found: Vec<_> = broken
        .iter()
        .map(|one| {
            let sequence = one["sequence"].as_u64().unwrap();
            (
                field(one, "chain"),
                field(one, "part"),
                field(one, "trouble"),
                sequence,
            )
        })
        .collect();
    found.sort();
    found
}

fn finding(
    person: &Person<'_>,
    part: &str,
    trouble: &str,
    after: u64,
) -> (String, String, String, u64) {
    (
        person.id.clone(),
        part.to_owned(),
        trouble.to_owned(),
        after,
    )
}

fn whole() -> Value {
    json!({"from": "beginning"})
}

fn changed() -> Value {
    json!({"from": "checkpoints"})
}

#[tokio::test]
async fn a_platform_that_nobody_touched_is_in_order_and_read_once() {
    let cloud = Cloud::with_admin().await;
    let ada = spender(&cloud).await;
    let bea = cloud.person().await;
    let path = "/admin/reconciliation";
    ada.get(path).await.problem(403, "forbidden");
    cloud.make_admin(&ada).await;
    assert_eq!(ada.get(path).await.expect(200)["started_at"], Value::Null);

    // The first run is always from the beginning.
    let run = cloud.reconcile(&json!({})).await;
    assert_eq!(run["from"], "beginning");
    assert_eq!(findings(&run), []);
    assert_eq!(
        (&run["wallets"], &run["entries"], &run["records"]),
        (&json!(2), &json!(4), &json!(2))
    );
    assert!(run["finished_at"].is_string(), "{run}");
    assert_eq!(ada.get(path).await.expect(200), run);
    // It was done today, so the schedule finds nothing to do.
    assert_eq!(cloud.reconcile(&json!({})).await, run);

    // Unchanged books are not read again; changed ones are read from their checkpoint on.
    let run = cloud.reconcile(&changed()).await;
    assert_eq!(
        (&run["wallets"], &run["entries"], &run["records"]),
        (&json!(2), &json!(0), &json!(0))
    );
    bea.generate("flux-dev", "a second look [[delay:60s]]")
        .await;
    let run = cloud.reconcile(&changed()).await;
    assert_eq!((&run["entries"], &run["records"]), (&json!(1), &json!(0)));
    assert_eq!(findings(&run), []);
    let run = cloud.reconcile(&whole()).await;
    assert_eq!((&run["entries"], &run["records"]), (&json!(5), &json!(2)));
    assert_eq!(findings(&run), []);
    assert!(cloud.faults().is_empty(), "{:?}", cloud.faults());
}

#[tokio::test]
async fn whatever_is_tampered_with_is_found_by_the_next_whole_run_and_named() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let mut people = Vec::new();
    for _ in 0..8 {
        people.push(spender(&cloud).await);
    }
    assert_eq!(findings(&cloud.reconcile(&whole()).await), []);
    let [rich, minus, gone, words, short, log, cut, fine] = people.as_slice() else {
        unreachable!("there are eight");
    };
    let db = cloud.dynamodb();
    let number = |number: i64| AttributeValue::N(number.to_string());
    // A wallet that was given something, one that is below zero, and one that is gone.
    for (person, credits) in [(rich, 9_999), (minus, -5)] {
        let wallet = of_credits(person, "wallet");
        tamper(&db, CREDITS, wallet, "available", number(credits)).await;
    }
    remove(&db, CREDITS, of_credits(gone, "wallet")).await;
    // An entry with other words in it, and a ledger without its last entry.
    let bonus = bonus(words);
    let gift = of_credits(words, &bonus);
    tamper(&db, CREDITS, gift, "description", text("A gift")).await;
    let books = short.books().await;
    let capture = books.entries.last().unwrap()["id"].as_str().unwrap();
    remove(&db, CREDITS, of_credits(short, capture)).await;
    // A record of another act, and a log without its last record.
    let first = format!("{:020}", 1);
    tamper(&db, AUDIT, of_log(log, &first), "act", text("signed_in")).await;
    remove(&db, AUDIT, of_log(cut, &first)).await;

    let mut expected = vec![
        finding(rich, "ledger", "differs", 3),
        finding(minus, "ledger", "unreadable", 0),
        finding(gone, "ledger", "missing", 0),
        finding(words, "ledger", "altered", 0),
        finding(short, "ledger", "out_of_place", 2),
        finding(log, "audit_log", "altered", 0),
        finding(cut, "audit_log", "out_of_place", 0),
    ];
    expected.sort();
    let run = cloud.reconcile(&whole()).await;
    assert_eq!(findings(&run), expected);
    assert_eq!(run["wallets"], 8);
    // Each is logged as an error. Nothing was repaired: the next run reports the same.
    let logged = cloud.faults();
    for (chain, ..) in &expected {
        assert!(
            logged.iter().any(|line| line.contains(chain)),
            "{chain} is not in the log"
        );
    }
    assert!(!logged.iter().any(|line| line.contains(&fine.id)));
    assert_eq!(findings(&cloud.reconcile(&whole()).await), expected);
}

#[tokio::test]
async fn books_that_were_written_anew_no_longer_lead_through_their_checkpoint() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let (ada, bea) = (cloud.person().await, cloud.person().await);
    assert_eq!(findings(&cloud.reconcile(&whole()).await), []);
    // Another person's log, cut and pasted whole, is in order by itself but is not this person's.
    let db = cloud.dynamodb();
    let head = [("chain", bea.id.as_str()), ("place", "head")];
    let found = db
        .get_item()
        .table_name(AUDIT)
        .set_key(Some(head.map(|(k, v)| (k.to_owned(), text(v))).into()));
    let mut item = found.send().await.unwrap().item.unwrap();
    item.insert("chain".to_owned(), text(&ada.id));
    db.put_item()
        .table_name(AUDIT)
        .set_item(Some(item))
        .send()
        .await
        .unwrap();
    // A wallet that is set back to zero, with its ledger.
    remove(&db, CREDITS, of_credits(&bea, &bonus(&bea))).await;
    let zero = || AttributeValue::N("0".to_owned());
    let wallet = of_credits(&bea, "wallet");
    for name in ["available", "lifetime_granted", "version"] {
        tamper(&db, CREDITS, wallet, name, zero()).await;
    }
    let hash = text("0".repeat(64));
    tamper(&db, CREDITS, wallet, "last_hash", hash).await;

    let mut expected = vec![
        finding(&ada, "audit_log", "differs", 1),
        finding(&bea, "ledger", "rewritten", 0),
    ];
    expected.sort();
    for scope in [whole(), changed()] {
        let found = findings(&cloud.reconcile(&scope).await);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found
                .iter()
                .any(|(chain, part, ..)| *chain == ada.id && part == "audit_log")
        );
        assert!(found.contains(&finding(&bea, "ledger", "rewritten", 0)) || scope == changed());
    }
    assert_eq!(findings(&cloud.reconcile(&whole()).await), expected);
}

#[tokio::test]
async fn a_run_that_stops_half_way_goes_on_where_it_was() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    for _ in 0..5 {
        cloud.person().await;
    }
    let mut run = cloud
        .reconcile(&json!({"from": "beginning", "wallets_max": 2}))
        .await;
    let started_at = run["started_at"].clone();
    assert_eq!(
        (&run["wallets"], &run["finished_at"]),
        (&json!(2), &Value::Null)
    );
    run = cloud.reconcile(&json!({"wallets_max": 2})).await;
    assert_eq!(
        (&run["wallets"], &run["finished_at"]),
        (&json!(4), &Value::Null)
    );
    run = cloud.reconcile(&json!({})).await;
    assert_eq!(
        (&run["wallets"], &run["entries"], &run["records"]),
        (&json!(5), &json!(5), &json!(5))
    );
    assert_eq!(run["started_at"], started_at);
    assert!(run["finished_at"].is_string(), "{run}");

    let ran = cloud
        .act(
            "schedules/jobs-reconcile/run",
            &json!({"from": "the start"}),
        )
        .await;
    assert_eq!(ran["status"], "failed");
    assert_eq!(ran["error"], "from must be beginning or checkpoints");
}
