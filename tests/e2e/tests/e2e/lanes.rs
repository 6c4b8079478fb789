//! Lanes: the provider runs few jobs at once for all our users together. The others wait with us, in turns,
//! and no number of free accounts holds up somebody who pays.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::ids::GenerationId;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Cloud, Person, eventually};
use crate::kills::{check_person, rest};

const TABLE: &str = "velro-local-generationstable";
/// The number of jobs that the provider runs at once.
const CONCURRENCY: (&str, &str) = ("FalConcurrency", "2");
const SLOTS_MAX: usize = 3;
const JOBS_EACH: usize = 25;

/// The slots of the lane of images, and the time at which each was taken.
async fn slots(cloud: &Cloud) -> HashMap<String, AttributeValue> {
    let found = cloud.dynamodb().get_item().table_name(TABLE);
    let found = found
        .key("id", AttributeValue::S("lane#image".to_owned()))
        .consistent_read(true);
    let item = found.send().await.unwrap().item;
    item.map_or_else(HashMap::new, |item| item["slots"].as_m().unwrap().clone())
}

/// Puts these slots into the lane of images.
async fn set_slots(cloud: &Cloud, ids: impl Iterator<Item = String>) {
    let long_ago = AttributeValue::N("1".to_owned());
    let slots = ids.map(|id| (id, long_ago.clone())).collect();
    let update = cloud.dynamodb().update_item().table_name(TABLE);
    let update = update
        .key("id", AttributeValue::S("lane#image".to_owned()))
        .update_expression("SET slots = :slots")
        .condition_expression("attribute_exists(id)")
        .expression_attribute_values(":slots", AttributeValue::M(slots));
    update.send().await.unwrap();
}

/// The number of jobs that wait in the line of those who do not pay.
async fn waiting(cloud: &Cloud) -> usize {
    let query = cloud.dynamodb().query().table_name(TABLE);
    let query = query
        .index_name("waiting")
        .key_condition_expression("waiting_line = :line")
        .expression_attribute_values(":line", AttributeValue::S("image#low".to_owned()));
    let found = query.send().await.unwrap();
    found.items.unwrap_or_default().len()
}

/// Waits until no message asks for a submit.
async fn queue_is_empty(cloud: &Cloud) {
    eventually("the image queue to be empty", || async {
        let queues = cloud.local("queues").await;
        let images = queues
            .iter()
            .find(|queue| queue["name"] == "velro-local-imagequeue");
        let images = images.unwrap();
        (images["in_flight"] == 0 && images["visible"] == 0).then_some(())
    })
    .await;
}

/// Registers a verified person who pays.
async fn on_pro<'a>(cloud: &'a Cloud, admin: &Person<'_>) -> Person<'a> {
    let person = cloud.person().await;
    cloud.verify_by_hand(&person).await;
    let path = format!("/admin/users/{}", person.id);
    let changed = admin.patch(&path, &json!({"plan": "pro"})).await;
    assert_eq!(changed.status, 200, "{:?}", changed.body);
    cloud.stack.forget_callers();
    person
}

async fn flood(person: &Person<'_>) {
    for number in 0..JOBS_EACH {
        let prompt = format!("number {number} of {} [[delay:400ms]]", person.id);
        person.generate("flux-dev", &prompt).await;
    }
}

/// Watches the provider until `count` jobs are delivered; fails if it ever has more than it may.
async fn all_delivered(cloud: &Cloud, count: usize) {
    let mut last_count = 0;
    while last_count < count {
        last_count = eventually("one more job to end", || async {
            let jobs = cloud.local("fal/jobs").await;
            let (done, open): (Vec<_>, Vec<_>) =
                jobs.iter().partition(|job| job["state"] == "COMPLETED");
            assert!(open.len() <= SLOTS_MAX, "{open:#?}");
            (done.len() > last_count).then_some(done.len())
        })
        .await;
    }
}

fn is_of(job: &Value, person: &Person<'_>) -> bool {
    job["input"]["prompt"]
        .as_str()
        .unwrap()
        .contains(&person.id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_from_fresh_accounts_does_not_hold_up_somebody_who_pays() {
    let cloud = Cloud::start_with(&[CONCURRENCY, ("AdminEmails", ADMIN_EMAIL)]).await;
    cloud.act("fal/mood", &json!({"concurrency": 2})).await;
    let admin = cloud.admin().await;
    let pro = on_pro(&cloud, &admin).await;
    let fresh = join_all((0..3).map(|_| cloud.person())).await;
    join_all(fresh.iter().map(flood)).await;

    let prompt = format!("paid for by {} [[delay:400ms]]", pro.id);
    let id = pro.generate("flux-dev", &prompt).await;
    let came_at = cloud.local("fal/jobs").await.len();
    assert!(came_at < 3 * JOBS_EACH - 10, "the flood is over: {came_at}");
    all_delivered(&cloud, 3 * JOBS_EACH + 1).await;

    let jobs = cloud.local("fal/jobs").await;
    assert_eq!(jobs.len(), 3 * JOBS_EACH + 1);
    let place = jobs.iter().position(|job| is_of(job, &pro)).unwrap();
    // For a moment its message and a slot are under way, in which one other job may be handed over.
    assert!(place < came_at + SLOTS_MAX, "{place} after {came_at}");
    for job in &jobs {
        let priority = if is_of(job, &pro) { "normal" } else { "low" };
        assert_eq!(job["headers"]["x-fal-queue-priority"], priority);
    }
    pro.when(&id, "succeeded").await;
    for person in &fresh {
        eventually("everything to be delivered", || async {
            let list = person.get("/generations?status=succeeded&limit=100").await;
            let done = list.expect(200)["data"].as_array().unwrap().len();
            (done == JOBS_EACH).then_some(())
        })
        .await;
        let books = person.books().await;
        assert_eq!((books.count("capture"), books.balance()), (25, (375, 0)));
    }
    assert_eq!(pro.books().await.balance(), (975, 0));
    assert_eq!((slots(&cloud).await.len(), waiting(&cloud).await), (0, 0));
    assert_eq!(cloud.faults(), Vec::<String>::new());
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_later_does_not_wait_for_all_of_somebody_else() {
    let cloud = Cloud::start_with(&[CONCURRENCY]).await;
    let (ada, bob) = (cloud.person().await, cloud.person().await);
    flood(&ada).await;
    let came_at = cloud.local("fal/jobs").await.len();
    for number in 0..3 {
        let prompt = format!("number {number} of {} [[delay:400ms]]", bob.id);
        bob.generate("flux-dev", &prompt).await;
    }
    all_delivered(&cloud, JOBS_EACH + 3).await;
    let jobs = cloud.local("fal/jobs").await;
    let last = jobs.iter().rposition(|job| is_of(job, &bob)).unwrap();
    // One of hers comes for each of his, besides those that were under way; the other way round, ten more of
    // hers would come first.
    assert!(last <= came_at + 6 + SLOTS_MAX, "{last} after {came_at}");
    assert!(last + 5 < jobs.len(), "{last} of {}", jobs.len());
}

#[tokio::test]
async fn slots_that_were_left_behind_and_jobs_that_nobody_called_are_found_by_the_sweep() {
    let cloud = Cloud::start_with(&[CONCURRENCY]).await;
    let ada = cloud.person().await;
    let first = ada.generate("flux-dev", "the first").await;
    ada.when(&first, "succeeded").await;
    // One slot is of a job that ended long ago, and two are of deleted jobs.
    let gone = (1..3).map(|n| GenerationId::new(Timestamp::from_ms(n), 0).to_string());
    set_slots(&cloud, gone.chain([first])).await;
    let second = ada.generate("flux-dev", "the second").await;
    queue_is_empty(&cloud).await;
    assert_eq!(ada.generation(&second).await["status"], "queued");
    assert_eq!(cloud.provider_jobs("the second").await.len(), 0);

    cloud.sweep().await;
    ada.when(&second, "succeeded").await;
    assert_eq!(slots(&cloud).await.len(), 0);

    // The slots come free, and the worker died that should have called the next job.
    let gone = (1..4).map(|n| GenerationId::new(Timestamp::from_ms(n), 0).to_string());
    set_slots(&cloud, gone).await;
    let third = ada.generate("flux-dev", "the third").await;
    queue_is_empty(&cloud).await;
    set_slots(&cloud, std::iter::empty()).await;
    assert_eq!(waiting(&cloud).await, 1);
    cloud.sweep().await;
    ada.when(&third, "succeeded").await;
    assert_eq!(ada.books().await.count("capture"), 3);
}

#[tokio::test]
async fn a_job_in_line_that_is_cancelled_leaves_its_place_to_the_next() {
    let cloud = Cloud::start_with(&[CONCURRENCY]).await;
    let ada = cloud.person().await;
    let mut ids = Vec::new();
    for number in 0..6 {
        let prompt = format!("number {number} [[delay:2s]]");
        ids.push(ada.generate("flux-dev", &prompt).await);
    }
    for id in &ids[3..5] {
        let canceled = ada
            .post(&format!("/generations/{id}/cancel"), &Value::Null)
            .await;
        assert_eq!(canceled.body, json!({"status": "canceled"}));
    }
    for id in [&ids[0], &ids[1], &ids[2], &ids[5]] {
        ada.when(id, "succeeded").await;
    }
    assert_eq!(cloud.local("fal/jobs").await.len(), 4);
    let books = ada.books().await;
    assert_eq!((books.count("capture"), books.count("release")), (4, 2));
    assert_eq!((slots(&cloud).await.len(), waiting(&cloud).await), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_at_any_moment_keep_no_slot() {
    let cloud = Cloud::start_with(&[CONCURRENCY]).await;
    cloud.expects_faults();
    let people = join_all((0..3).map(|_| cloud.person())).await;
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    for round in 0..10 {
        for person in &people {
            let prompt = format!("round {round} of {} [[delay:100ms]]", person.id);
            person.generate("flux-dev", &prompt).await;
        }
        // The moments are the same every time, as far as the machine allows: xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tokio::time::sleep(Duration::from_millis(random % 400)).await;
        let worker = ["jobs-submit", "jobs-settle", "jobs-sweep"][round % 3];
        cloud
            .act(&format!("functions/{worker}/kill"), &json!({}))
            .await;
    }
    rest(&cloud, &people).await;
    // The slot of a worker that died before its submit is kept for a while; here, that time passes quickly.
    let left: Vec<String> = slots(&cloud).await.into_keys().collect();
    set_slots(&cloud, left.into_iter()).await;
    cloud.sweep().await;
    assert_eq!(
        (slots(&cloud).await, waiting(&cloud).await),
        (HashMap::new(), 0)
    );
    for person in &people {
        check_person(&cloud, person, 10).await;
    }
}
