//! A page costs the same however much there is: counted in calls to the database and items that it looked at.
//!
//! Why a hundred thousand cost no more than five thousand: every list is a query of one partition of an index that is
//! sorted by id, with a limit. It starts at the cursor's id, which is a seek in a sorted tree, and reads on until the
//! limit. A filter reads on past what does not fit, at most a thousand items a page, and then answers a short page with
//! a cursor. What comes before and after is never touched, so its number cannot matter.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use domain::Timestamp;
use domain::ids::GenerationId;
use fakeaws::Asked;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person};
use crate::projects::make;

const TABLE: &str = "velro-local-generationstable";
/// What each of two people has.
const FEW: usize = 100;
const MANY: usize = 5_000;
/// One in so many is a favourite.
const FAVORITE_EVERY: usize = 50;
/// The most that a page which filters may look at.
const LOOKED_AT_MAX: u64 = 1_000;

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
    let copies: Vec<usize> = (1..count).collect();
    for batch in copies.chunks(25) {
        let puts = batch.iter().map(|n| {
            let at = Timestamp::from_ms(1_700_000_000_000 + i64::try_from(*n).unwrap());
            let id = GenerationId::new(at, u128::from(person.id.as_bytes()[29]));
            let mut item = pattern.clone();
            item.insert("id".to_owned(), AttributeValue::S(id.to_string()));
            let is_favorite = n % FAVORITE_EVERY == 0;
            item.insert("favorite".to_owned(), AttributeValue::Bool(is_favorite));
            let put = PutRequest::builder().set_item(Some(item)).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        let written = dynamodb
            .batch_write_item()
            .request_items(TABLE, puts.collect())
            .send()
            .await
            .unwrap();
        assert!(written.unprocessed_items.unwrap_or_default().is_empty());
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
        };
        // The sweep goes on meanwhile: it asks another index. The authorizer asks for accounts.
        let is_ours = !name.ends_with("/due") && !name.contains("accountstable");
        (is_ours && asked.calls > 0).then_some((name, asked))
    });
    let cost = cost.collect();
    (page, cost)
}

fn total(cost: &BTreeMap<String, Asked>) -> Asked {
    cost.values().fold(Asked::default(), |sum, asked| Asked {
        calls: sum.calls + asked.calls,
        looked_at: sum.looked_at + asked.looked_at,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_among_a_hundred_and_among_thousands() {
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
