//! A page costs the same however much there is: counted in calls to the database and items that it looked at.
//! Every list is a query of one partition of an index that is sorted by id, with a limit: it seeks the cursor's id and
//! reads on until the limit. A filter reads on past what does not fit, at most a thousand items a page, and then answers a
//! short page with a cursor.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::ids::GenerationId;
use fakeaws::Asked;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person};
use crate::projects::make;

const TABLE: &str = "velro-local-generationstable";
/// What each of two people has.
const FEW: usize = 100;
const MANY: usize = 100_000;
/// One in so many is a favourite.
const FAVORITE_EVERY: usize = 900;
/// The most that a page which filters may look at.
const LOOKED_AT_MAX: u64 = 1_000;

/// An attribute in DynamoDB's own JSON.
fn in_json(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(number) => json!({"N": number}),
        AttributeValue::Bool(is_so) => json!({"BOOL": is_so}),
        AttributeValue::L(list) => json!({"L": list.iter().map(in_json).collect::<Vec<_>>()}),
        AttributeValue::M(map) => {
            let fields = map
                .iter()
                .map(|(name, value)| (name.clone(), in_json(value)));
            json!({"M": fields.collect::<serde_json::Map<_, _>>()})
        }
        other => panic!("{other:?}"),
    }
}

/// Fills a project of the person's with copies of a real generation, as if time had gone by; the project's id.
async fn fill(cloud: &Cloud, person: &Person<'_>, count: usize) -> String {
    let project = make(person, &json!({"name": "full"})).await;
    let body = json!({"prompt": "the pattern", "project_id": project});
    let first = person.post("/generations/flux-dev", &body).await.text("id");
    person.when(&first, "succeeded").await;
    let dynamodb = cloud.dynamodb();
    let pattern = dynamodb
        .get_item()
        .table_name(TABLE)
        .key("id", AttributeValue::S(first))
        .send()
        .await
        .unwrap()
        .item
        .unwrap();
    let copies = (1..count).map(|n| {
        let at = Timestamp::from_ms(1_700_000_000_000 + i64::try_from(n).unwrap());
        // Of two people at once: ids that differ, whoever they are.
        let id = GenerationId::new(at, u128::try_from(count).unwrap());
        let mut item = pattern.clone();
        item.insert("id".to_owned(), AttributeValue::S(id.to_string()));
        let is_favorite = n % FAVORITE_EVERY == 0;
        item.insert("favorite".to_owned(), AttributeValue::Bool(is_favorite));
        in_json(&AttributeValue::M(item))["M"].take()
    });
    let copies: Vec<Value> = copies.collect();
    // In portions, so that whoever else asks the database meanwhile gets a turn.
    for portion in copies.chunks(5_000) {
        let imported = cloud.stack.aws().import(TABLE, portion.to_vec()).await;
        imported.unwrap();
    }
    project
}

/// A page, and what it cost: the calls that list something, by what they ask.
async fn page(cloud: &Cloud, person: &Person<'_>, path: &str) -> (Value, BTreeMap<String, Asked>) {
    let before: HashMap<_, _> = cloud.stack.aws().dynamodb_counts().into_iter().collect();
    let page = person.get(path).await.expect(200);
    let after = cloud.stack.aws().dynamodb_counts().into_iter();
    let cost = after.filter_map(|(name, now)| {
        let then = before.get(&name).copied().unwrap_or_default();
        let asked = Asked {
            calls: now.calls - then.calls,
            looked_at: now.looked_at - then.looked_at,
            half_units: now.half_units - then.half_units,
        };
        // The sweep and the purge go on meanwhile: they ask other indexes, the lanes and the files. The authorizer asks for
        // accounts.
        let is_a_list = name.starts_with("Query") && name.contains(TABLE);
        let is_the_sweeps = name.ends_with("/due") || name.ends_with("/waiting");
        let is_ours = is_a_list && !is_the_sweeps || name.contains("projectstable");
        (is_ours && asked.calls > 0).then_some((name, asked))
    });
    let cost = cost.collect();
    (page, cost)
}

fn total(cost: &BTreeMap<String, Asked>) -> Asked {
    cost.values().fold(Asked::default(), |sum, asked| Asked {
        calls: sum.calls + asked.calls,
        looked_at: sum.looked_at + asked.looked_at,
        half_units: sum.half_units + asked.half_units,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_among_a_hundred_and_among_a_hundred_thousand() {
    let cloud = Cloud::start().await;
    let (few, many) = (cloud.person().await, cloud.person().await);
    let small = fill(&cloud, &few, FEW).await;
    let large = fill(&cloud, &many, MANY).await;

    for (of_few, of_many) in [
        (
            "/generations?limit=20".to_owned(),
            "/generations?limit=20".to_owned(),
        ),
        (
            format!("/generations?limit=20&project_id={small}"),
            format!("/generations?limit=20&project_id={large}"),
        ),
    ] {
        let (one, cheap) = page(&cloud, &few, &of_few).await;
        let (other, dear) = page(&cloud, &many, &of_many).await;
        assert_eq!(cheap, dear);
        // One query of the page and the item that tells of a next one; and the projects that the page names.
        let cost = total(&dear);
        assert!(cost.calls <= 3 && cost.looked_at == 21, "{dear:?}");
        // So does the page after it, and one from deep inside.
        let next = |path: &str, page: &Value| {
            format!("{path}&cursor={}", page["next_cursor"].as_str().unwrap())
        };
        let (_, second) = page(&cloud, &few, &next(&of_few, &one)).await;
        let (_, same) = page(&cloud, &many, &next(&of_many, &other)).await;
        assert_eq!((&second, &same), (&cheap, &cheap));
    }

    // A filter looks at a bounded number of items, and its pages still add up to everything.
    let mut found = 0;
    let mut path = "/generations?limit=20&favorite=true".to_owned();
    loop {
        let (one, cost) = page(&cloud, &many, &path).await;
        let cost = total(&cost);
        assert!(cost.looked_at <= LOOKED_AT_MAX, "{cost:?}");
        assert!(cost.calls <= 5, "{cost:?}");
        found += one["data"].as_array().unwrap().len();
        let Some(cursor) = one["next_cursor"].as_str() else {
            break;
        };
        path = format!("/generations?limit=20&favorite=true&cursor={cursor}");
    }
    assert_eq!(found, (1..MANY).filter(|n| n % FAVORITE_EVERY == 0).count());

    // Sums say how far they reach.
    let stats = many.get("/generations/stats").await.expect(200);
    assert_eq!(stats["counted"], 5_000);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
