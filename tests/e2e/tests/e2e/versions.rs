//! Old and new code side by side, as while a new version goes live: the present code keeps everything that
//! later code has added to items.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Cloud, Person, send};

pub type Item = HashMap<String, AttributeValue>;
pub type Key = Vec<(&'static str, String)>;

/// The attribute that later code adds to an item.
const LATER: &str = "written_by_later_code";
/// The records that are overwritten as a whole.
const RECORDS: [&str; 15] = [
    "breaker",
    "checkpoint",
    "generation",
    "invitation",
    "member",
    "offers",
    "payment",
    "project",
    "run",
    "session",
    "style",
    "team",
    "wallet",
    "webhook delivery",
    "webhook endpoint",
];

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map_or("", String::as_str)
}

/// The key of an item in its table.
pub fn key(table: &str, item: &Item) -> Key {
    let names: &[&'static str] = match table.trim_start_matches("velro-local-") {
        "accountstable" => &["pk", "sk"],
        "creditstable" => &["tenant", "entry"],
        "audittable" => &["chain", "place"],
        "alertstable" => &["list", "id"],
        "teamstable" => &["team", "item"],
        "reconciliationtable" => &["shard", "tenant"],
        "webhookstable" => &["owner", "item"],
        _ => &["id"],
    };
    let value = |name: &&'static str| (*name, text(item, name).to_owned());
    names.iter().map(value).collect()
}

/// The kind of an item, if it is one of `RECORDS`.
pub fn record(table: &str, item: &Item) -> Option<&'static str> {
    let id = text(item, "id");
    match table.trim_start_matches("velro-local-") {
        "accountstable" if text(item, "sk").starts_with("session#") => Some("session"),
        "creditstable" if text(item, "entry") == "wallet" => Some("wallet"),
        "creditstable" if text(item, "tenant").starts_with("payment#") => Some("payment"),
        "generationstable" if id.starts_with("breaker#") => Some("breaker"),
        "generationstable" if id.starts_with("gen_") => Some("generation"),
        "projectstable" if id.starts_with("prj_") => Some("project"),
        "stylestable" if id.starts_with("sty_") => Some("style"),
        "modelstable" => Some("offers"),
        "teamstable" if text(item, "item") == "team" => Some("team"),
        "teamstable" if text(item, "item").starts_with("member#") => Some("member"),
        "teamstable" if text(item, "item").starts_with("invitation#") => Some("invitation"),
        "reconciliationtable" if text(item, "shard") == "run" => Some("run"),
        "reconciliationtable" => Some("checkpoint"),
        "webhookstable" if text(item, "item") == "endpoint" => Some("webhook endpoint"),
        "webhookstable" if text(item, "item").starts_with("evt_") => Some("webhook delivery"),
        _ => None,
    }
}

/// Adds an attribute to every record, as later code would.
async fn write_as_later_code(cloud: &Cloud) -> BTreeMap<Key, (&'static str, Item)> {
    let db = cloud.dynamodb();
    let mut written = BTreeMap::new();
    for (table, item) in cloud.every_item().await {
        let Some(record) = record(&table, &item) else {
            continue;
        };
        let key = key(&table, &item);
        let mut update = db.update_item().table_name(&table);
        for (name, value) in &key {
            update = update.key(*name, AttributeValue::S(value.clone()));
        }
        let update = update.update_expression(format!("SET {LATER} = :yes"));
        let update = update.expression_attribute_values(":yes", AttributeValue::Bool(true));
        update.send().await.unwrap();
        written.insert(key, (record, item));
    }
    written
}

/// Does everything that overwrites a record.
async fn go_on(cloud: &Cloud, admin: &Person<'_>, ada: &Person<'_>, round: u32) {
    let renamed = json!({"name": format!("Foxes {round}")});
    let projects = ada.get("/projects").await.expect(200);
    let project = format!("/projects/{}", projects["data"][0]["id"].as_str().unwrap());
    ada.patch(&project, &renamed).await.expect(200);
    let styles = ada.get("/styles").await.expect(200);
    let style = format!("/styles/{}", styles["data"][0]["id"].as_str().unwrap());
    ada.patch(&style, &renamed).await.expect(200);
    let teams = ada.get("/teams").await.expect(200);
    let team = format!("/teams/{}", teams["data"][0]["id"].as_str().unwrap());
    ada.patch(&team, &renamed).await.expect(200);
    let member = format!("{team}/members/{}", ada.id);
    let cap = json!({"credit_cap": 1_000 + round});
    ada.patch(&member, &cap).await.expect(200);
    let invitations = format!("{team}/invitations");
    let open = ada.get(&invitations).await.expect(200);
    let id = open["data"][0]["id"].as_str().unwrap();
    let resend = format!("{invitations}/{id}/resend");
    ada.post(&resend, &Value::Null).await.expect(202);
    let endpoints = ada.get("/webhook-endpoints").await.expect(200);
    let endpoint = endpoints["data"][0]["id"].as_str().unwrap();
    let endpoint = format!("/webhook-endpoints/{endpoint}");
    let described = json!({"description": format!("Foxes {round}")});
    ada.patch(&endpoint, &described).await.expect(200);
    let told = ada.get(&format!("{endpoint}/deliveries")).await.expect(200);
    let replay = told["data"][0]["id"].as_str().unwrap();
    let replay = format!("/webhook-deliveries/{replay}/replay");
    ada.post(&replay, &json!({})).await.expect(202);
    let offer = json!({"credits": 30 + round});
    let request = admin
        .request(Method::PATCH, "/admin/models/flux-dev")
        .json(&offer);
    let set = send(request).await;
    assert_eq!(set.status, 200, "{:?}", set.body);
    cloud.reconcile(&json!({"from": "beginning"})).await;
}

#[tokio::test]
async fn code_that_is_older_than_an_item_takes_nothing_from_it() {
    let cloud = Cloud::with_admin().await;
    let admin = cloud.admin().await;
    let ada = cloud.person().await;
    cloud.verify_by_hand(&ada).await;
    let named = json!({"name": "Foxes"});
    ada.post("/projects", &named).await.expect(201);
    let style = json!({"name": "Foxes", "blocks": {"style": "ink"}});
    ada.post("/styles", &style).await.expect(201);
    let team = ada.post("/teams", &named).await.expect(201);
    let invitations = format!("/teams/{}/invitations", team["id"].as_str().unwrap());
    let invited = json!({"email": "bob@example.org", "role": "viewer"});
    ada.post(&invitations, &invited).await.expect(201);
    let hook = json!({"url": "http://127.0.0.1:9/hook", "events": ["credits.low"]});
    let hook = ada.post("/webhook-endpoints", &hook).await.expect(201);
    let test = format!("/webhook-endpoints/{}/test", hook["id"].as_str().unwrap());
    ada.post(&test, &json!({})).await.expect(202);
    let wanted = json!({"pack": "starter", "success_url": "https://shop.example/paid", "cancel_url": "https://shop.example/"});
    let begun = ada.post("/credits/checkout", &wanted).await.expect(201);
    let session = begun["id"].as_str().unwrap();
    cloud
        .act(&format!("stripe/sessions/{session}/complete"), &json!({}))
        .await;
    // The provider fails once, which the breaker counts, and accepts it the second time.
    let job = ada
        .generate("flux-dev", "[[submit:503:1]] [[delay:3s]]")
        .await;
    go_on(&cloud, &admin, &ada, 1).await;
    ada.when(&job, "running").await;

    let before = write_as_later_code(&cloud).await;
    let found: BTreeSet<&str> = before.values().map(|(record, _)| *record).collect();
    assert_eq!(found, BTreeSet::from(RECORDS));
    cloud
        .act(&format!("stripe/sessions/{session}/refund"), &json!({}))
        .await;
    ada.when(&job, "succeeded").await;
    let next = ada.generate("flux-dev", "[[submit:503:1]]").await;
    ada.when(&next, "succeeded").await;
    go_on(&cloud, &admin, &ada, 2).await;
    cloud.refresh(&ada.refresh_token).await.expect(200);

    let mut left = BTreeSet::from(RECORDS);
    for (table, mut item) in cloud.every_item().await {
        let Some((record, was)) = before.get(&key(&table, &item)) else {
            continue;
        };
        let lost = "lost what later code wrote";
        assert!(item.remove(LATER).is_some(), "a {record} {lost}: {item:?}");
        if item != *was {
            left.remove(record);
        }
    }
    assert!(left.is_empty(), "{left:?} were not written over");
}

/// Every item that the functions of November 2026 made of two users who did most things. Items of older code
/// stay in tables for years: this file is never made anew, and another is added when items get another form.
const EARLIER: &str = include_str!("versions/items-2026-11.jsonl");

/// A value in DynamoDB's JSON.
fn value(json: &Value) -> AttributeValue {
    let (kind, inner) = json.as_object().unwrap().iter().next().unwrap();
    let text = || inner.as_str().unwrap().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "BOOL" => AttributeValue::Bool(inner.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "SS" => AttributeValue::Ss(serde_json::from_value(inner.clone()).unwrap()),
        "L" => AttributeValue::L(inner.as_array().unwrap().iter().map(value).collect()),
        "M" => AttributeValue::M(item(inner)),
        other => panic!("an attribute is {other}"),
    }
}

fn item(json: &Value) -> Item {
    let attributes = json.as_object().unwrap().iter();
    attributes
        .map(|(name, json)| (name.clone(), value(json)))
        .collect()
}

/// Puts the items of earlier code into the tables.
pub async fn put_earlier_items(cloud: &Cloud) {
    let db = cloud.dynamodb();
    for line in EARLIER.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let (table, json) = line.as_object().unwrap().iter().next().unwrap();
        let mut item = item(json);
        // API Gateway's keys are in no table: another stack makes its own.
        item.remove("keyed_term");
        item.remove("seen_on");
        let put = db
            .put_item()
            .table_name(format!("velro-local-{table}table"));
        put.set_item(Some(item)).send().await.unwrap();
    }
}

#[tokio::test]
async fn items_of_earlier_code_are_read_and_go_on() {
    let cloud = Cloud::with_admin().await;
    put_earlier_items(&cloud).await;
    let ada = Person::sign_in_as(&cloud, "ada@example.org").await;
    let admin = Person::sign_in_as(&cloud, ADMIN_EMAIL).await;

    assert_eq!(ada.books().await.balance(), (1_525, 0));
    assert_eq!(ada.get("/me").await.expect(200)["email_verified"], true);
    for (path, count) in [
        ("/generations", 3),
        ("/projects", 1),
        ("/me/api-keys", 1),
        ("/credits/holds", 0),
    ] {
        let list = ada.get(path).await.expect(200);
        assert_eq!(list["data"].as_array().unwrap().len(), count, "{path}");
    }
    let generations = ada.get("/generations").await.expect(200);
    for generation in generations["data"].as_array().unwrap() {
        ada.generation(generation["id"].as_str().unwrap()).await;
    }
    let codes = admin.get("/admin/promo-codes").await.expect(200);
    assert_eq!(codes["data"][0]["redeemed"], 1);
    let model = cloud.get("/models/flux-dev").await.expect(200);
    assert_eq!(model["credits"], 26);
    assert!(admin.get("/admin/audit").await.expect(200)["data"].is_array());

    let next = ada.generate("flux-dev", "A red fox").await;
    ada.when(&next, "succeeded").await;
    assert_eq!(ada.books().await.balance(), (1_499, 0));
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
    for job in ["jobs-sweep", "jobs-purge"] {
        let path = format!("schedules/{job}/run");
        let ran = cloud.act(&path, &Value::Null).await;
        assert_eq!(ran["status"], "succeeded", "{ran}");
    }
    assert_eq!(cloud.faults(), [""; 0]);
    ada.erase().await.expect(204);
}
