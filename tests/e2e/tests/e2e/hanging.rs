//! A provider that accepts every request and answers none: nothing piles up behind it, and the news of other
//! jobs arrives.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::evidence::hastened;
use crate::harness::{Cloud, Person, eventually};

const PEOPLE: usize = 20;
const JOBS_EACH: usize = 25;
/// The number of sweeps while the provider hangs, which stand for one a minute.
const SWEEPS: usize = 10;

async fn queue(cloud: &Cloud, name: &str) -> Value {
    let queues = cloud.local("queues").await;
    let is_it = |queue: &&Value| queue["name"] == format!("velro-local-{name}");
    queues.iter().find(is_it).unwrap().clone()
}

async fn count(person: &Person<'_>, status: &str) -> usize {
    let path = format!("/generations?status={status}&limit=100");
    let list = person.get(&path).await.expect(200);
    list["data"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_jobs_of_a_hanging_provider_have_one_look_each_and_news_passes_them() {
    let cloud = Cloud::start().await;
    cloud.act("fal/mood", &json!({"status": "hang"})).await;
    let people = join_all((0..PEOPLE).map(|_| cloud.person())).await;
    let orders = people.iter().map(|person| async move {
        for n in 0..JOBS_EACH {
            let prompt = format!("{n} [[no-webhook]][[delay:1ms]]");
            person.generate("flux-dev", &prompt).await;
        }
    });
    join_all(orders).await;
    for person in &people {
        eventually("all to run", || async {
            (count(person, "running").await == JOBS_EACH).then_some(())
        })
        .await;
    }
    // In ten minutes, every job becomes due once, and is leased from then on.
    cloud.hasten_all().await;
    let jobs = (PEOPLE * JOBS_EACH) as u64;
    for _ in 0..SWEEPS {
        cloud.sweep().await;
        let looks = queue(&cloud, "lookqueue").await;
        let waiting = looks["visible"].as_u64().unwrap() + looks["in_flight"].as_u64().unwrap();
        assert!(waiting <= jobs, "{looks}");
        assert!(
            looks["sent"].as_u64().unwrap() <= jobs,
            "one message a job: {looks}"
        );
    }
    news_passes(&cloud).await;

    cloud.act("fal/mood", &json!({})).await;
    let settled = async {
        for person in &people {
            eventually("everything to settle", || async {
                (count(person, "succeeded").await == JOBS_EACH).then_some(())
            })
            .await;
        }
    };
    hastened(&cloud, settled).await;
    for person in &people {
        let books = person.books().await;
        assert_eq!((books.count("capture"), books.balance().1), (JOBS_EACH, 0));
    }
    assert_eq!(cloud.dead_letters().await, 0);
}

/// Checks that a job whose webhook comes is delivered although hundreds of looks wait.
async fn news_passes(cloud: &Cloud) {
    let looks = queue(cloud, "lookqueue").await;
    assert!(
        looks["visible"].as_u64().unwrap() > 100,
        "they wait: {looks}"
    );
    let eve = cloud.person().await;
    let ordered_at = Instant::now();
    let id = eve.generate("flux-dev", "with news [[delay:1ms]]").await;
    eve.when(&id, "succeeded").await;
    let took = ordered_at.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
}
