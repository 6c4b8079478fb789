//! Styles: their fields, their users, their changes, and their end.

mod orders;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person, send};
use crate::pages::all;
use crate::team_wallets::id;
use crate::teams::Cast;

const NO_STYLE: &str = "sty_01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// Makes a style; its id.
async fn make(person: &Person<'_>, body: &Value) -> String {
    let made = person.post("/styles", body).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    made.text("id")
}

/// A style that says something to every kind of model.
fn ink() -> Value {
    json!({
        "name": "Snow and ink",
        "blocks": {
            "style": "ink and wash",
            "lighting": "a low sun.",
            "camera": "low angle",
            "motion": "slow pan",
            "keywords": ["snow", "paper"],
        },
    })
}

#[tokio::test]
async fn a_style_is_what_its_maker_says_and_changes_only_in_what_is_named() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let plain = json!({"name": " Ink ", "blocks": {"style": " ink \r\nand wash "}});
    let plain = ada.post("/styles", &plain).await.expect(201);
    assert!(plain["id"].as_str().unwrap().starts_with("sty_"));
    assert_eq!(plain["object"], "style");
    assert_eq!(plain["name"], "Ink");
    assert_eq!(plain["author_id"], ada.id);
    assert_eq!(plain["blocks"]["style"], "ink \nand wash");
    assert_eq!(plain["blocks"]["keywords"], json!([]));
    let nothing = [
        &plain["description"],
        &plain["team_id"],
        &plain["blocks"]["camera"],
    ];
    assert_eq!(nothing, [&Value::Null; 3]);
    assert_eq!(
        (&plain["tags"], &plain["preset"]),
        (&json!([]), &json!(false))
    );

    let mut full = ink();
    full["description"] = json!("For foxes\nand owls");
    full["tags"] = json!(["fox", "snow"]);
    for block in ["description", "setting", "text"] {
        full["blocks"][block] = json!(format!("its {block}"));
    }
    let path = format!("/styles/{}", make(&ada, &full).await);
    let read = ada.get(&path).await.expect(200);
    for field in ["name", "description", "blocks", "tags"] {
        assert_eq!(read[field], full[field], "{field}");
    }

    let changed = ada.patch(&path, &json!({"name": "Ice"})).await.expect(200);
    assert_eq!(changed["name"], "Ice");
    for field in ["description", "blocks", "tags", "created_at", "author_id"] {
        assert_eq!(changed[field], read[field], "{field}");
    }
    // Its blocks are replaced as a whole.
    let less = json!({"description": null, "tags": null, "blocks": {"text": "Open"}});
    let changed = ada.patch(&path, &less).await.expect(200);
    assert_eq!(changed["description"], Value::Null);
    assert_eq!(changed["tags"], json!([]));
    assert_eq!(changed["blocks"]["text"], "Open");
    assert_eq!(changed["blocks"]["style"], Value::Null);
    assert_eq!(changed["blocks"]["keywords"], json!([]));
    assert_eq!(ada.get(&path).await.expect(200), changed);
    assert!(changed["updated_at"].as_str() > changed["created_at"].as_str());

    ada.delete(&path).await.expect(204);
    for gone in [
        ada.get(&path).await,
        ada.patch(&path, &less).await,
        ada.delete(&path).await,
    ] {
        gone.problem(404, "not_found");
    }
    let plain = plain["id"].as_str().unwrap();
    assert_eq!(all(&ada, "/styles", 10).await, [plain]);
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| n.to_string()).collect()
}

/// Changes that a style refuses, and the field that each is refused for.
fn wrong() -> [(Value, &'static str); 22] {
    let camera = |text: &str| json!({"blocks": {"camera": text}});
    let keywords = |words: Value| json!({"blocks": {"keywords": words}});
    [
        (json!({"name": ""}), "name"),
        (json!({"name": "x".repeat(101)}), "name"),
        (json!({"name": "two\nlines"}), "name"),
        (json!({"name": null}), "name"),
        (json!({"name": 5}), "name"),
        (json!({"description": "x".repeat(1_001)}), "description"),
        (json!({"description": "x\u{0}"}), "description"),
        (json!({"blocks": null}), "blocks"),
        (json!({"blocks": {}}), "blocks"),
        (
            json!({"blocks": {"camera": null, "keywords": []}}),
            "blocks",
        ),
        (json!({"blocks": "ink"}), "blocks"),
        (json!({"blocks": {"mood": "x"}}), "blocks.mood"),
        (json!({"blocks": {"camera": 5}}), "blocks.camera"),
        (camera(" \n"), "blocks.camera"),
        (camera("a\tb"), "blocks.camera"),
        (camera(&"x".repeat(2_001)), "blocks.camera"),
        (keywords(json!(many(51))), "blocks.keywords"),
        (keywords(json!(["a", " a "])), "blocks.keywords[1]"),
        (keywords(json!(["x".repeat(101)])), "blocks.keywords[0]"),
        (json!({"tags": many(21)}), "tags"),
        (json!({"tags": ["x".repeat(51)]}), "tags[0]"),
        (json!({"author_id": "usr_x"}), "author_id"),
    ]
}

#[tokio::test]
async fn whatever_a_style_cannot_say_is_refused_by_the_name_of_its_field() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let path = format!("/styles/{}", make(&ada, &ink()).await);
    let before = ada.get(&path).await.expect(200);
    for (change, field) in &wrong() {
        let mut whole = ink();
        for (name, value) in change.as_object().unwrap() {
            whole[name] = value.clone();
        }
        for answer in [
            ada.post("/styles", &whole).await,
            ada.patch(&path, change).await,
        ] {
            let fields = answer.problem(422, "validation_failed");
            assert_eq!(fields, BTreeSet::from([(*field).to_owned()]), "{change}");
        }
    }
    let fields = ada.post("/styles", &json!({})).await;
    let fields = fields.problem(422, "validation_failed");
    assert_eq!(
        fields,
        BTreeSet::from(["blocks", "name"].map(str::to_owned))
    );
    it_is_nobody_elses_and_stays_so(&ada, &path).await;
    there_is_no_style_by_another_id(&ada).await;

    assert_eq!(ada.get(&path).await.expect(200), before);
    let listed = ada.get("/styles").await.expect(200);
    assert_eq!(listed["data"], json!([before]));
    let fox = "\u{1F98A}";
    let largest = json!({
        "name": fox.repeat(100), "description": fox.repeat(1_000), "tags": many(20),
        "blocks": {"camera": fox.repeat(2_000), "text": fox.repeat(2_000), "keywords": many(50)},
    });
    ada.patch(&path, &largest).await.expect(200);
}

/// Checks that a style cannot be moved into a team, whose members could not be asked, and that none is made
/// for a missing team.
async fn it_is_nobody_elses_and_stays_so(ada: &Person<'_>, path: &str) {
    let moved = json!({"team_id": "team_01ARZ3NDEKTSV4RRFFQ69G5FAV"});
    let fields = ada.patch(path, &moved).await;
    assert!(fields.problem(422, "validation_failed").contains("team_id"));
    for team in ["team_01ARZ3NDEKTSV4RRFFQ69G5FAV", "x"] {
        let mut body = ink();
        body["team_id"] = json!(team);
        let fields = ada.post("/styles", &body).await.problem(404, "not_found");
        assert!(fields.contains("team_id"), "{fields:?}");
        let list = format!("/styles?team_id={team}");
        ada.get(&list).await.problem(404, "not_found");
    }
}

async fn there_is_no_style_by_another_id(ada: &Person<'_>) {
    for wrong in [
        "prj_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "sty_",
        "x",
        "%00",
        NO_STYLE,
    ] {
        let path = format!("/styles/{wrong}");
        ada.get(&path).await.problem(404, "not_found");
        ada.delete(&path).await.problem(404, "not_found");
    }
    let count = format!("/styles/count%23{}", ada.id);
    ada.get(&count).await.problem(404, "not_found");
}

#[tokio::test]
async fn styles_are_listed_newest_first_page_by_page_and_each_owner_sees_their_own() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(make(&ada, &ink()).await);
    }
    ids.reverse();
    assert_eq!(all(&ada, "/styles", 3).await, ids);
    assert_eq!(all(&eve, "/styles", 3).await, Vec::<String>::new());
    let page = ada.get("/styles?limit=3").await.expect(200);
    let stolen = format!("/styles?cursor={}", page["next_cursor"].as_str().unwrap());
    eve.get(&stolen).await.problem(400, "invalid_cursor");
    let path = format!("/styles/{}", ids[0]);
    let (mut hidden, mut missing) = (
        eve.get(&path).await,
        eve.get(&format!("/styles/{NO_STYLE}")).await,
    );
    hidden.body["request_id"] = json!("");
    missing.body["request_id"] = json!("");
    assert_eq!((hidden.status, hidden.body), (missing.status, missing.body));
    let change = json!({"name": "hers"});
    eve.patch(&path, &change).await.problem(404, "not_found");
    eve.delete(&path).await.problem(404, "not_found");
    cloud.get(&path).await.problem(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_has_more_than_two_hundred_however_many_are_made_at_once() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let first = make(&ada, &ink()).await;
    // As if there were 195 already.
    cloud
        .dynamodb()
        .update_item()
        .table_name("velro-local-stylestable")
        .key("id", AttributeValue::S(format!("count#{}", ada.id)))
        .update_expression("SET styles = :many")
        .condition_expression("styles = :one")
        .expression_attribute_values(":many", AttributeValue::N("195".to_owned()))
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    let body = ink();
    let answers = join_all((0..20).map(|_| ada.post("/styles", &body))).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 5);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(409, "conflict");
    }
    ada.delete(&format!("/styles/{first}")).await.expect(204);
    make(&ada, &body).await;
    ada.post("/styles", &body).await.problem(409, "conflict");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_teams_style_is_used_by_its_members_and_changed_by_its_maker_and_by_editors() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let team = id(&cast.team);
    let mut of_team = ink();
    of_team["team_id"] = json!(team);
    let adas = make(&cast.ada, &of_team).await;
    let theirs = make(&cast.contributor, &of_team).await;
    let hidden = make(&cast.ada, &ink()).await;
    let own = format!("/styles/{theirs}");
    let seen = cast.viewer.get(&own).await.expect(200);
    assert_eq!(seen["team_id"], team);
    assert_eq!(seen["author_id"], cast.contributor.id);

    each_role_does_what_it_may(&cast, &of_team, &adas).await;
    let change = json!({"description": "Ours"});
    cast.contributor.patch(&own, &change).await.expect(200);
    let list = format!("/styles?team_id={team}");
    let listed = all(&cast.viewer, &list, 2).await;
    assert!(listed.contains(&adas) && listed.contains(&theirs));
    assert!(!listed.contains(&hidden));
    // A team's style does not count as its maker's own.
    assert_eq!(
        all(&cast.contributor, "/styles", 10).await,
        Vec::<String>::new()
    );

    let place = format!("{}/members/{}", cast.team, cast.contributor.id);
    cast.ada.delete(&place).await.expect(204);
    let quote = json!({"model": "flux-dev", "prompt": "A red fox", "style_id": adas});
    for gone in [
        cast.contributor.get(&own).await,
        cast.contributor.patch(&own, &change).await,
        cast.contributor.delete(&own).await,
        cast.contributor.get(&list).await,
        cast.contributor.post("/quotes", &quote).await,
    ] {
        gone.problem(404, "not_found");
    }
    cast.editor.get(&own).await.expect(200);
}

/// Checks by role who makes a style for the team, uses and changes Ada's, and deletes another one of hers.
async fn each_role_does_what_it_may(cast: &Cast<'_>, of_team: &Value, adas: &str) {
    let path = format!("/styles/{adas}");
    let list = format!("/styles?team_id={}", id(&cast.team));
    let change = json!({"description": "Ours"});
    let quote = json!({"model": "flux-dev", "prompt": "A red fox", "style_id": adas});
    let members = [200, 200, 200, 200, 200, 404];
    let quoted = [201, 201, 201, 201, 201, 404];
    let made = [201, 201, 201, 201, 403, 404];
    let changed = [200, 200, 200, 403, 403, 404];
    let deleted = [204, 204, 204, 403, 403, 404];
    let none = &Value::Null;
    for (what, method, path, body, expected) in [
        ("makes", Method::POST, "/styles", of_team, made),
        ("sees", Method::GET, &path, none, members),
        ("lists", Method::GET, &list, none, members),
        ("uses", Method::POST, "/quotes", &quote, quoted),
        ("changes", Method::PATCH, &path, &change, changed),
        ("deletes", Method::DELETE, NO_STYLE, none, deleted),
    ] {
        for (person, status) in cast.everybody().into_iter().zip(expected) {
            let path = match what {
                "deletes" => format!("/styles/{}", make(&cast.ada, of_team).await),
                _ => path.to_owned(),
            };
            let answer = send(person.request(method.clone(), &path).json(body)).await;
            assert_eq!(answer.status, status, "{what} {path}: {:?}", answer.body);
        }
    }
}

/// The number of items in the table of styles.
async fn kept(cloud: &Cloud) -> usize {
    let items = cloud.every_item().await;
    let is_style = |(table, _): &&(String, _)| table.ends_with("stylestable");
    items.iter().filter(is_style).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn styles_go_with_their_account_or_their_team_and_a_teams_outlive_their_maker() {
    let cloud = Cloud::start().await;
    let cast = Cast::new(&cloud).await;
    let mut of_team = ink();
    of_team["team_id"] = json!(id(&cast.team));
    let (maker, ada) = (&cast.contributor, &cast.ada);
    make(maker, &ink()).await;
    let ours = make(maker, &of_team).await;
    // Two styles, and two counts.
    assert_eq!(kept(&cloud).await, 4);

    assert_eq!(maker.erase().await.status, 204);
    assert_eq!(kept(&cloud).await, 2);
    let path = format!("/styles/{ours}");
    let seen = cast.viewer.get(&path).await.expect(200);
    assert_eq!(seen["name"], "Snow and ink");

    ada.delete(&cast.team).await.expect(204);
    cast.viewer.get(&path).await.problem(404, "not_found");
    let ran = cloud.act("schedules/jobs-purge/run", &json!({})).await;
    assert_eq!(ran["status"], "succeeded", "{ran}");
    assert_eq!(kept(&cloud).await, 0);
}
