//! A page costs the same for any number of rows: counted in calls to the database and items that it looked
//! at. Every list is a query of one partition of an index that is sorted by id, with a limit: it seeks the
//! cursor's id and reads on until the limit. A filter reads on past items that do not fit, at most a thousand
//! a page, and then answers a short page with a cursor.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::ids::{EventId, FileId, GenerationId, UserId};
use fakeaws::Asked;
use serde_json::{Value, json};

use crate::harness::{Cloud, Person};
use crate::projects::make;

const TABLE: &str = "velro-local-generationstable";
const TEAMS: &str = "velro-local-teamstable";
const FILES: &str = "velro-local-filestable";
const WEBHOOKS: &str = "velro-local-webhookstable";
/// The size of the smaller person's lists.
const FEW: usize = 100;
const MANY: usize = 20_000;
/// One generation of this many is a favourite.
const FAVORITE_EVERY: usize = 900;
/// The most items that a filtering page may look at.
const LOOKED_AT_MAX: u64 = 1_000;

/// Copies the generation `first`, which is at rest, with other times; the copies' ids.
async fn copies(cloud: &Cloud, first: &str, count: usize) -> Vec<String> {
    let pattern = item(cloud, TABLE, [("id", first)]).await;
    let copy = |n: usize| {
        let at = Timestamp::from_ms(1_700_000_000_000 + i64::try_from(n).unwrap());
        // The second part is the count, which differs between the two people: so do their ids.
        let id = GenerationId::new(at, u128::try_from(count).unwrap()).to_string();
        let mut item = pattern.clone();
        item["id"] = json!({"S": id});
        item["favorite"] = json!({"BOOL": n.is_multiple_of(FAVORITE_EVERY)});
        (id, item)
    };
    let (ids, items) = (1..count).map(copy).unzip();
    import(cloud, TABLE, items).await;
    ids
}

/// An item in DynamoDB's JSON.
async fn item<const KEYS: usize>(cloud: &Cloud, table: &str, key: [(&str, &str); KEYS]) -> Value {
    let key = key.map(|(name, value)| (name.to_owned(), json!({"S": value})));
    let key = Value::Object(key.into_iter().collect());
    let item = cloud.stack.aws().item(table, key).await;
    item.unwrap().unwrap()
}

async fn import(cloud: &Cloud, table: &str, items: Vec<Value>) {
    // The import is divided, so that other requests to the database get a turn meanwhile.
    for portion in items.chunks(5_000) {
        let imported = cloud.stack.aws().import(table, portion.to_vec()).await;
        imported.unwrap();
    }
}

/// A person with many things.
struct Owner<'a> {
    person: Person<'a>,
    /// A team of theirs with many members, to which all of it belongs.
    team: String,
    /// Another team, with which all of it is shared.
    other: String,
    /// The project in which all of it is filed.
    project: String,
}

/// Registers somebody with a team of `count` generations and `members` members. A user's own generations are
/// listed by the very query that lists a team's.
async fn fill(cloud: &Cloud, count: usize, members: usize) -> Owner<'_> {
    let owner = cloud.verified().await;
    let mut teams = Vec::new();
    for name in ["full", "shown to"] {
        let made = owner.post("/teams", &json!({"name": name})).await;
        teams.push(made.text("id"));
    }
    let [team, other]: [String; 2] = teams.try_into().unwrap();
    let amount = json!({"amount": 25});
    let path = format!("/teams/{team}/credits/transfer");
    owner.post(&path, &amount).await.expect(201);
    let project = make(&owner, &json!({"name": "full"})).await;
    let order = json!({"prompt": "the pattern", "team_id": team, "project_id": project});
    let first = owner.post("/generations/flux-dev", &order).await.text("id");
    owner.when(&first, "succeeded").await;
    let path = format!("/generations/{first}/collaborations");
    let proposal = json!({"team_id": other, "type": "improve"});
    owner.post(&path, &proposal).await.expect(201);

    let ids = copies(cloud, &first, count).await;
    let key = format!("generation#{first}");
    let share = item(cloud, TEAMS, [("team", &other), ("item", &key)]).await;
    let shares = ids.iter().map(|id| {
        let mut share = share.clone();
        share["item"] = json!({"S": format!("generation#{id}")});
        share
    });
    import(cloud, TEAMS, shares.collect()).await;
    let key = format!("member#{}", owner.id);
    let place = item(cloud, TEAMS, [("team", &team), ("item", &key)]).await;
    let places = (1..members).map(|n| {
        let user = UserId::new(Timestamp::from_ms(1), u128::try_from(n).unwrap());
        let mut place = place.clone();
        place["item"] = json!({"S": format!("member#{user}")});
        place["user"] = json!({"S": user.to_string()});
        place["role"] = json!({"S": "viewer"});
        place
    });
    import(cloud, TEAMS, places.collect()).await;
    Owner {
        person: owner,
        team,
        other,
        project,
    }
}

/// Reads a page; its body, and its cost: the calls that list something, by table and index.
async fn page(cloud: &Cloud, person: &Person<'_>, path: &str) -> (Value, BTreeMap<String, Asked>) {
    let before = cloud.stack.aws().dynamodb_counts();
    let page = person.get(path).await.expect(200);
    let after = cloud.stack.aws().dynamodb_counts().into_iter();
    let cost = after.filter_map(|(name, now)| {
        let then = before.get(&name).copied().unwrap_or_default();
        let asked = Asked {
            calls: now.calls - then.calls,
            looked_at: now.looked_at - then.looked_at,
            half_units: now.half_units - then.half_units,
        };
        // The sweep goes on meanwhile: it queries other indexes, and the lanes. The authorizer reads
        // accounts.
        let is_read = name.starts_with("Query") || name.starts_with("BatchGetItem");
        let tables = [TABLE, TEAMS, FILES, WEBHOOKS];
        let is_a_list = is_read && tables.iter().any(|table| name.contains(table));
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

/// Reads all pages of a list, each of which may cost a bounded number of calls and items; the number of rows.
async fn pages(cloud: &Cloud, person: &Person<'_>, first: &str) -> usize {
    let (mut found, mut path) = (0, first.to_owned());
    loop {
        let (one, cost) = page(cloud, person, &path).await;
        let cost = total(&cost);
        assert!(cost.looked_at <= LOOKED_AT_MAX, "{cost:?}");
        assert!(cost.calls <= 7, "{cost:?}");
        found += one["data"].as_array().unwrap().len();
        let Some(cursor) = one["next_cursor"].as_str() else {
            return found;
        };
        path = format!("{first}&cursor={cursor}");
    }
}

/// Registers somebody with `count` files, and an endpoint with as many deliveries; the paths of both lists.
async fn fill_more(cloud: &Cloud, count: usize) -> (Person<'_>, [String; 2]) {
    let owner = cloud.person().await;
    let file = owner.upload_picture().await;
    let hook = json!({"url": "http://127.0.0.1:9/hook", "events": ["credits.low"]});
    let hook = owner.post("/webhook-endpoints", &hook).await.text("id");
    let told = format!("/webhook-endpoints/{hook}/test");
    let told = owner.post(&told, &json!({})).await.text("id");
    let pattern = item(cloud, FILES, [("id", &file)]).await;
    let told = item(cloud, WEBHOOKS, [("owner", &hook), ("item", &told)]).await;
    let (mut files, mut deliveries) = (Vec::new(), Vec::new());
    for n in 1..count {
        let at = Timestamp::from_ms(1_700_000_000_000 + i64::try_from(n).unwrap());
        let id = FileId::new(at, u128::try_from(count).unwrap()).to_string();
        let mut item = pattern.clone();
        item["id"] = json!({"S": id});
        files.push(item);
        let id = EventId::new(at, u128::try_from(count).unwrap()).to_string();
        let mut item = told.clone();
        let attributes = item.as_object_mut().unwrap();
        for due in ["due_shard", "due_at_ms", "next_attempt_at_ms"] {
            attributes.remove(due);
        }
        for name in ["item", "event"] {
            item[name] = json!({"S": id});
        }
        deliveries.push(item);
    }
    import(cloud, FILES, files).await;
    import(cloud, WEBHOOKS, deliveries).await;
    let deliveries = format!("/webhook-endpoints/{hook}/deliveries?limit=20");
    (owner, ["/files?limit=20".to_owned(), deliveries])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_and_webhook_deliveries_are_paged_alike_among_few_and_many() {
    let cloud = Cloud::start().await;
    let (few, of_few) = fill_more(&cloud, FEW).await;
    let (many, of_many) = fill_more(&cloud, MANY).await;
    for (of_few, of_many) in of_few.iter().zip(&of_many) {
        let (_, cheap) = page(&cloud, &few, of_few).await;
        let (first, dear) = page(&cloud, &many, of_many).await;
        let cost = total(&dear);
        assert_eq!(cheap, dear, "{of_many}");
        assert!(cost.calls == 1 && cost.looked_at <= 22, "{dear:?}");
        let cursor = first["next_cursor"].as_str().unwrap();
        let (second, same) = page(&cloud, &many, &format!("{of_many}&cursor={cursor}")).await;
        assert_eq!(
            (total(&same).calls, second["data"].as_array().unwrap().len()),
            (1, 20)
        );
        assert!(total(&same).looked_at <= 22, "{same:?}");
        assert_eq!(pages(&cloud, &few, of_few).await, FEW, "{of_few}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_among_a_hundred_and_among_twenty_thousand() {
    let cloud = Cloud::start().await;
    let few = fill(&cloud, FEW, 30).await;
    let many = fill(&cloud, MANY, 100).await;
    let lists = |of: &Owner<'_>| {
        [
            format!("/generations?limit=20&team_id={}", of.team),
            format!("/generations?limit=20&project_id={}", of.project),
            format!("/generations?limit=20&shared_with_team_id={}", of.other),
        ]
    };
    for (of_few, of_many) in lists(&few).iter().zip(lists(&many).iter()) {
        let (one, cheap) = page(&cloud, &few.person, of_few).await;
        let (other, dear) = page(&cloud, &many.person, of_many).await;
        assert_eq!(cheap, dear, "{of_many}");
        // The query of the page, the item that proves a next page, and for a team's items the one at which
        // the page ends; and in a batch each, the things that the page names: the team, its place in it, the
        // projects, the sharings.
        let cost = total(&dear);
        assert!(
            cost.calls <= 5 && cost.looked_at <= 22,
            "{of_many}: {dear:?}"
        );
        assert_eq!(other["data"].as_array().unwrap().len(), 20, "{of_many}");
        // The next page costs the same, and so does one from deep inside.
        let next = |path: &str, page: &Value| {
            format!("{path}&cursor={}", page["next_cursor"].as_str().unwrap())
        };
        let (_, second) = page(&cloud, &few.person, &next(of_few, &one)).await;
        let (_, same) = page(&cloud, &many.person, &next(of_many, &other)).await;
        assert_eq!((&second, &same), (&cheap, &cheap), "{of_many}");
        assert_eq!(pages(&cloud, &few.person, of_few).await, FEW, "{of_few}");
    }

    // A filter looks at a bounded number of items, and its pages still add up to everything.
    let favorites = format!("/generations?limit=20&favorite=true&team_id={}", many.team);
    let found = pages(&cloud, &many.person, &favorites).await;
    assert_eq!(
        found,
        (1..MANY)
            .filter(|n| n.is_multiple_of(FAVORITE_EVERY))
            .count()
    );

    // All places of a team are one read: there are a hundred at most.
    for owner in [&few, &many] {
        let list = format!("/teams/{}/members?limit=20", owner.team);
        let (_, cost) = page(&cloud, &owner.person, &list).await;
        let cost = total(&cost);
        assert!(cost.calls == 3 && cost.looked_at <= 101, "{cost:?}");
    }

    // Statistics say how many generations they cover.
    let stats = format!("/teams/{}/stats", many.team);
    let stats = many.person.get(&stats).await.expect(200);
    assert_eq!(stats["counted"], 5_000);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
