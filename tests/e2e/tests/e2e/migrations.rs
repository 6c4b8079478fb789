//! Records of earlier code are written over in their present form while users go on: nothing else in them
//! changes, nothing that happens meanwhile is lost, and a migration that ends early is continued.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::ids::GenerationId;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person};
use crate::projects::make;
use crate::versions::{Item, Key, key, put_earlier_items, record};

const GENERATIONS: &str = "velro-local-generationstable";
const PROJECTS: &str = "velro-local-projectstable";
/// The old records besides those of the fixture: more than fit into several pages.
const COPIES: usize = 1_500;
/// The number of projects that are renamed while they are upgraded, and of the renames of each.
const PROJECTS_MADE: usize = 12;
const RENAMES: usize = 8;
/// The longest that a migration of these may take, ended and continued.
const DONE_TIMEOUT: Duration = Duration::from_secs(60);
/// The records that a migration leaves alone: their own writers replace them whole, or never.
const LEFT_ALONE: [&str; 4] = ["breaker", "checkpoint", "member", "run"];

async fn migrate(cloud: &Cloud, payload: &Value) -> Value {
    let report = cloud
        .stack
        .invoke("jobs-migrate", payload.to_string())
        .await;
    serde_json::from_slice(&report.unwrap()).unwrap()
}

/// The number of records upgraded in all tables, by a migration's report.
fn upgraded(report: &Value) -> u64 {
    let tables = report["tables"].as_array().unwrap().iter();
    tables
        .map(|table| table["upgraded"].as_u64().unwrap())
        .sum()
}

/// Every record that a migration upgrades.
async fn records(cloud: &Cloud) -> BTreeMap<Key, Item> {
    let items = cloud.every_item().await.into_iter();
    let records = items.filter_map(|(table, item)| {
        let kind = record(&table, &item)?;
        let is_upgraded = !LEFT_ALONE.contains(&kind);
        is_upgraded.then(|| (key(&table, &item), item))
    });
    records.collect()
}

fn is_present(item: &Item) -> bool {
    item.get("schema") == Some(&AttributeValue::N("1".to_owned()))
}

/// Whether a value has all that it had before. Upgrades only add.
fn keeps(old: &AttributeValue, new: &AttributeValue) -> bool {
    match (old, new) {
        (AttributeValue::M(old), AttributeValue::M(new)) => old
            .iter()
            .all(|(name, value)| new.get(name).is_some_and(|new| keeps(value, new))),
        (AttributeValue::L(old), AttributeValue::L(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| keeps(old, new))
        }
        (old, new) => old == new,
    }
}

/// Copies a generation of the fixture, which earlier code wrote.
async fn copy_a_generation(cloud: &Cloud) {
    let old = records(cloud).await;
    let old = old.into_values().find_map(|item| {
        let id = item.get("id")?.as_s().ok()?;
        (id.starts_with("gen_") && !is_present(&item)).then(|| id.clone())
    });
    let old = json!({"id": {"S": old.unwrap()}});
    let aws = cloud.stack.aws();
    let pattern = aws.item(GENERATIONS, old).await.unwrap().unwrap();
    let copies = (0..COPIES).map(|n| {
        let at = Timestamp::from_ms(1_700_000_000_000);
        let id = GenerationId::new(at, u128::try_from(n).unwrap());
        let mut copy = pattern.clone();
        copy["id"] = json!({"S": id.to_string()});
        copy
    });
    aws.import(GENERATIONS, copies.collect()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_earlier_code_get_the_present_form_while_users_go_on() {
    let cloud = Cloud::with_admin().await;
    put_earlier_items(&cloud).await;
    copy_a_generation(&cloud).await;
    let before = records(&cloud).await;
    let ada = Person::sign_in_as(&cloud, "ada@example.org").await;
    let (available, _) = ada.books().await.balance();

    let first = migrate(&cloud, &json!({"pages_max": 1})).await;
    assert_eq!(
        (&first["done"], &first["schema"]),
        (&json!(false), &json!(1))
    );
    let jobs = async {
        for n in 0..4 {
            let job = ada.generate("flux-dev", &format!("fox {n}")).await;
            ada.when(&job, "succeeded").await;
        }
    };
    let upgrades = async {
        let give_up_at = Instant::now() + DONE_TIMEOUT;
        // It is killed at any moment, several times over, before it is left to finish.
        for after_ms in [5, 20, 60] {
            let killed = cloud.stack.invoke("jobs-migrate", "{}");
            let pause = tokio::time::timeout(Duration::from_millis(after_ms), killed).await;
            cloud.act("functions/jobs-migrate/kill", &json!({})).await;
            drop(pause);
        }
        loop {
            let report = migrate(&cloud, &json!({"pages_max": 3})).await;
            if report["done"] == true {
                return;
            }
            assert!(Instant::now() < give_up_at, "{report}");
        }
    };
    tokio::join!(jobs, upgrades);

    let after = records(&cloud).await;
    let left: Vec<_> = after.iter().filter(|(_, item)| !is_present(item)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(before.len() > COPIES);
    let mut same = 0;
    for (key, old) in &before {
        let new = &after[key];
        if !key.iter().any(|(_, value)| value.starts_with("gen_")) {
            continue;
        }
        for (name, value) in old {
            let is_kept = new.get(name).is_some_and(|new| keeps(value, new));
            assert!(is_kept, "{name} of {key:?}: {value:?}, {:?}", new.get(name));
        }
        same += 1;
    }
    assert!(same > COPIES, "{same}");
    assert_eq!(ada.books().await.balance().0, available - 4 * 26);
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");

    assert_eq!(migrate(&cloud, &json!({})).await["done"], true);
    let again = migrate(&cloud, &json!({"from": "beginning"})).await;
    assert_eq!(
        (&again["done"], upgraded(&again)),
        (&json!(true), 0),
        "{again}"
    );
}

/// Renames a project again and again, each time as if earlier code had written it.
async fn rename(cloud: &Cloud, ada: &Person<'_>, project: &str) {
    let path = format!("/projects/{project}");
    let db = cloud.dynamodb();
    for round in 0..RENAMES {
        let old = db.update_item().table_name(PROJECTS);
        let old = old.key("id", AttributeValue::S(project.to_owned()));
        let old = old.update_expression("REMOVE #s");
        let old = old.expression_attribute_names("#s", "schema");
        old.send().await.unwrap();
        let name = format!("{project} {round}");
        ada.patch(&path, &json!({"name": name})).await.expect(200);
        assert_eq!(ada.get(&path).await.expect(200)["name"], name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_comes_while_its_record_is_upgraded_is_never_undone() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let mut projects = Vec::new();
    for n in 0..PROJECTS_MADE {
        projects.push(make(&ada, &json!({"name": format!("Foxes {n}")})).await);
    }
    let renames = join_all(projects.iter().map(|project| rename(&cloud, &ada, project)));
    let migrations = async {
        loop {
            migrate(&cloud, &json!({"from": "beginning"})).await;
        }
    };
    tokio::select! {
        _ = renames => {}
        () = migrations => unreachable!("it never ends"),
    }
    for project in &projects {
        let kept = ada.get(&format!("/projects/{project}")).await.expect(200);
        let last = format!("{project} {}", RENAMES - 1);
        assert_eq!(kept["name"], last);
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named_and_not_passed_over() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let id = GenerationId::new(Timestamp::from_ms(1), 1).to_string();
    let broken = json!({"id": {"S": id}});
    let imported = cloud.stack.aws().import(GENERATIONS, vec![broken]);
    imported.await.unwrap();
    for tries in 1..=2 {
        let failed = cloud.stack.invoke("jobs-migrate", "{}").await;
        assert!(failed.is_err(), "{failed:?}");
        let faults = cloud.faults();
        let named = faults.iter().filter(|line| line.contains(&id)).count();
        assert!(named >= tries, "{faults:?}");
    }
    let removed = cloud.dynamodb().delete_item().table_name(GENERATIONS);
    let removed = removed.key("id", AttributeValue::S(id));
    removed.send().await.unwrap();
    assert_eq!(migrate(&cloud, &json!({})).await["done"], true);
}
