//! Projects of one owner: their fields, their visibility, their number, and their end.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::{Map, Value, json};

use crate::harness::{Cloud, Person};

/// Makes a project; its id.
pub async fn make(person: &Person<'_>, body: &Value) -> String {
    let made = person.post("/projects", body).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    made.text("id")
}

#[tokio::test]
async fn a_project_is_what_its_owner_says_and_changes_only_in_what_is_named() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let plain = ada.post("/projects", &json!({"name": " Foxes "})).await;
    let plain = plain.expect(201);
    assert!(plain["id"].as_str().unwrap().starts_with("prj_"));
    assert_eq!(plain["name"], "Foxes");
    assert_eq!(plain["owner_id"], ada.id);
    assert_eq!(plain["visibility"], "private");
    assert_eq!(
        (&plain["tags"], &plain["metadata"]),
        (&json!([]), &json!({}))
    );

    let metadata = json!({"client": {"name": "Snow"}, "budget": 12_345_678_901_i64, "ok": null});
    let full = json!({
        "name": "Snow", "description": "At dawn\nand dusk", "visibility": "public",
        "tags": ["fox", "snow"], "metadata": metadata,
    });
    let id = make(&ada, &full).await;
    let path = format!("/projects/{id}");
    let read = ada.get(&path).await.expect(200);
    for field in ["name", "description", "visibility", "tags", "metadata"] {
        assert_eq!(read[field], full[field], "{field}");
    }

    let changed = ada.patch(&path, &json!({"name": "Ice"})).await.expect(200);
    assert_eq!(changed["name"], "Ice");
    for field in [
        "description",
        "visibility",
        "tags",
        "metadata",
        "created_at",
    ] {
        assert_eq!(changed[field], read[field], "{field}");
    }
    let nothing = json!({"description": null, "tags": null, "metadata": null});
    let changed = ada.patch(&path, &nothing).await.expect(200);
    assert_eq!(changed["description"], Value::Null);
    assert_eq!(
        (&changed["tags"], &changed["metadata"]),
        (&json!([]), &json!({}))
    );
    assert_eq!(ada.get(&path).await.expect(200), changed);
    assert!(changed["updated_at"].as_str() > changed["created_at"].as_str());
}

#[tokio::test]
async fn whatever_a_project_cannot_say_is_refused_by_the_name_of_its_field() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = make(&ada, &json!({"name": "fine"})).await;
    let path = format!("/projects/{id}");
    let before = ada.get(&path).await.expect(200);
    let keys =
        |n: usize| -> Map<String, Value> { (0..n).map(|n| (n.to_string(), json!(n))).collect() };
    let many: Vec<String> = (0..11).map(|n| n.to_string()).collect();
    let wrong = [
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"name": "two\nlines"}), "name"),
        (json!({"name": null}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"description": "x".repeat(501)}), "description"),
        (json!({"description": "x\u{0}"}), "description"),
        (json!({"visibility": "secret"}), "visibility"),
        (json!({"tags": many}), "tags"),
        (json!({"tags": ["x".repeat(51)]}), "tags[0]"),
        (json!({"metadata": keys(51)}), "metadata"),
        (json!({"metadata": {"big": "x".repeat(8_192)}}), "metadata"),
        (json!({"metadata": ["x"]}), "metadata"),
        (json!({"metadata": "x"}), "metadata"),
        (json!({"owner_id": "usr_x"}), "owner_id"),
    ];
    for (change, field) in &wrong {
        let mut whole = change.clone();
        if whole.get("name").is_none() {
            whole["name"] = json!("fine");
        }
        for answer in [
            ada.post("/projects", &whole).await,
            ada.patch(&path, change).await,
        ] {
            let fields = answer.problem(422, "validation_failed");
            assert_eq!(fields, BTreeSet::from([(*field).to_owned()]), "{change}");
        }
    }
    ada.post("/projects", &json!({}))
        .await
        .problem(422, "validation_failed");

    assert_eq!(ada.get(&path).await.expect(200), before);
    assert_eq!(
        ada.get("/projects").await.expect(200)["data"],
        json!([before])
    );
    let largest = json!({"metadata": keys(50), "description": "\u{1F98A}".repeat(500)});
    ada.patch(&path, &largest).await.expect(200);
}

#[tokio::test]
async fn a_private_project_is_not_there_for_others_and_a_public_one_is_only_to_be_seen() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let id = make(&ada, &json!({"name": "mine"})).await;
    let path = format!("/projects/{id}");
    let change = json!({"name": "hers"});

    let nothing = "/projects/prj_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let mut hidden = eve.get(&path).await;
    let mut missing = eve.get(nothing).await;
    hidden.body["request_id"] = json!("");
    missing.body["request_id"] = json!("");
    assert_eq!((hidden.status, hidden.body), (missing.status, missing.body));
    eve.patch(&path, &change).await.problem(404, "not_found");
    eve.delete(&path).await.problem(404, "not_found");

    ada.patch(&path, &json!({"visibility": "public"}))
        .await
        .expect(200);
    let seen = eve.get(&path).await.expect(200);
    assert_eq!(seen, ada.get(&path).await.expect(200));
    eve.patch(&path, &change).await.problem(403, "forbidden");
    eve.delete(&path).await.problem(403, "forbidden");
    assert_eq!(eve.get("/projects").await.expect(200)["data"], json!([]));
    cloud.get(&path).await.problem(401, "unauthorized");

    ada.patch(&path, &json!({"visibility": "private"}))
        .await
        .expect(200);
    eve.get(&path).await.problem(404, "not_found");
    for wrong in [
        "gen_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "prj_",
        "x",
        "%00",
        "count%23usr_x",
    ] {
        ada.get(&format!("/projects/{wrong}"))
            .await
            .problem(404, "not_found");
    }
    let count = format!("/projects/count%23{}", ada.id);
    ada.get(&count).await.problem(404, "not_found");
    assert_eq!(ada.get(&path).await.expect(200)["name"], "mine");
}

#[tokio::test]
async fn projects_are_listed_newest_first_page_by_page() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(make(&ada, &json!({"name": format!("number {n}")})).await);
    }
    ids.reverse();
    let (mut listed, mut path) = (Vec::new(), "/projects?limit=3".to_owned());
    let mut cursors = Vec::new();
    loop {
        let page = ada.get(&path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        listed.extend(data.iter().map(|p| p["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        cursors.push(cursor.to_owned());
        path = format!("/projects?limit=3&cursor={cursor}");
    }
    assert_eq!(listed, ids);
    let stolen = format!("/projects?cursor={}", cursors[0]);
    eve.get(&stolen).await.problem(400, "invalid_cursor");
    ada.get("/projects?limit=0")
        .await
        .problem(422, "validation_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_more_than_a_thousand_however_many_are_made_at_once() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let first = make(&ada, &json!({"name": "the first"})).await;
    // As if there were 995 already.
    cloud
        .dynamodb()
        .update_item()
        .table_name("velro-local-projectstable")
        .key("id", AttributeValue::S(format!("count#{}", ada.id)))
        .update_expression("SET projects = :many")
        .condition_expression("projects = :one")
        .expression_attribute_values(":many", AttributeValue::N("995".to_owned()))
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    let body = json!({"name": "one of many"});
    let answers = join_all((0..20).map(|_| ada.post("/projects", &body))).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 5);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "conflict");
    }
    // A deletion frees a place, and only once, however often it is repeated.
    let path = format!("/projects/{first}");
    let gone = join_all((0..5).map(|_| ada.delete(&path))).await;
    let gone: Vec<u16> = gone.iter().map(|answer| answer.status).collect();
    let deleted = gone.iter().filter(|status| **status == 204);
    assert_eq!(deleted.count(), 1, "{gone:?}");
    assert!(
        gone.iter().all(|status| [204, 404].contains(status)),
        "{gone:?}"
    );
    make(&ada, &body).await;
    ada.post("/projects", &body).await.problem(409, "conflict");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_at_the_same_moment_are_all_kept() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = make(&ada, &json!({"name": "busy"})).await;
    let path = format!("/projects/{id}");
    let changes = [
        json!({"name": "changed"}),
        json!({"description": "changed"}),
        json!({"visibility": "public"}),
        json!({"tags": ["changed"]}),
        json!({"metadata": {"changed": true}}),
    ];
    for answer in join_all(changes.iter().map(|change| ada.patch(&path, change))).await {
        answer.expect(200);
    }
    let now = ada.get(&path).await.expect(200);
    for change in &changes {
        for (field, value) in change.as_object().unwrap() {
            assert_eq!(&now[field], value);
        }
    }
}
