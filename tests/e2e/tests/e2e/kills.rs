//! Workers that are killed at any moment: nothing is lost, nothing is done twice.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::json;

use crate::cancel::waits_with_attempts;
use crate::harness::{Cloud, Person, eventually};

const WORKERS: [&str; 3] = ["jobs-submit", "jobs-settle", "webhooks-fal"];
const ROUNDS: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_killed_at_any_moment_lose_and_repeat_nothing() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let people = join_all((0..4).map(|_| cloud.person())).await;
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for round in 0..ROUNDS {
        for person in &people {
            let prompt = format!("round {round} of {} [[delay:200ms]]", person.id);
            person.generate("flux-dev", &prompt).await;
        }
        // The moments are the same every time, as far as the machine allows: xorshift.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        tokio::time::sleep(Duration::from_millis(random % 150)).await;
        let worker = WORKERS[usize::try_from(round).unwrap() % WORKERS.len()];
        cloud
            .act(&format!("functions/{worker}/kill"), &json!({}))
            .await;
    }
    rest(&cloud, &people).await;
    for person in &people {
        check_person(&cloud, person, usize::try_from(ROUNDS).unwrap()).await;
    }
}

/// Waits until every job of theirs has ended, or can no longer be resolved: then its hold must be open.
pub async fn rest(cloud: &Cloud, people: &[Person<'_>]) {
    eventually("every job to rest", || async {
        let mut busy = Vec::new();
        for person in people {
            let list = person.get("/generations?limit=100").await.expect(200);
            for generation in list["data"].as_array().unwrap() {
                match generation["status"].as_str().unwrap() {
                    "succeeded" => {}
                    "unknown" => assert_eq!(generation["receipt"]["held"], 25),
                    "failed" | "canceled" => panic!("{generation:#}"),
                    _ => busy.push(generation["id"].as_str().unwrap().to_owned()),
                }
            }
        }
        // A message in a dead worker's hands comes back only after its visibility timeout. The sweep finds
        // jobs that are due by then; here, that time passes quickly.
        for id in &busy {
            cloud.hasten(id).await;
        }
        cloud.sweep().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        busy.is_empty().then_some(())
    })
    .await;
}

/// Checks that each of a person's `count` jobs is held once, submitted once at most, and never released. A
/// worker that was killed while it submitted leaves a job whose outcome nobody knows, and its hold.
pub async fn check_person(cloud: &Cloud, person: &Person<'_>, count: usize) {
    let books = person.books().await;
    let jobs = cloud.provider_jobs(&person.id).await;
    let mut prompts: Vec<_> = jobs
        .iter()
        .map(|j| j["input"]["prompt"].to_string())
        .collect();
    prompts.sort();
    let submitted = prompts.len();
    prompts.dedup();
    assert_eq!(prompts.len(), submitted, "a job was submitted twice");
    let captured = books.count("capture");
    assert!((captured..=count).contains(&submitted), "{submitted}");
    assert_eq!((books.count("hold"), books.count("release")), (count, 0));
    let [spent, held] = [count, count - captured].map(|jobs| 25 * i64::try_from(jobs).unwrap());
    assert_eq!(books.balance(), (1_000 - spent, held));
}

/// Makes a job due now if it waits for a worker.
async fn hasten_if_queued(cloud: &Cloud, id: &str) {
    let update = cloud.dynamodb().update_item();
    let updated = update
        .table_name("velro-local-generationstable")
        .key("id", AttributeValue::S(id.to_owned()))
        .update_expression("SET due_at_ms = :now")
        .condition_expression("#state = :queued")
        .expression_attribute_names("#state", "state")
        .expression_attribute_values(":now", AttributeValue::N("1".to_owned()))
        .expression_attribute_values(":queued", AttributeValue::S("queued".to_owned()))
        .send()
        .await;
    if let Err(error) = updated {
        let error = error.into_service_error();
        assert!(error.is_conditional_check_failed_exception(), "{error:?}");
    }
}

#[tokio::test]
async fn a_worker_that_dies_before_its_submit_leaves_a_job_that_the_sweep_finds() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada
        .generate("flux-dev", "found again [[reject:503:1]]")
        .await;
    // It was refused for now, and waits in the queue for its second try.
    eventually("the first refusal", || waits_with_attempts(&cloud, &id, 1)).await;
    cloud.act("functions/jobs-submit/kill", &json!({})).await;
    // It is hastened only while it waits: the lease of its worker is not over.
    let hasten = async {
        loop {
            hasten_if_queued(&cloud, &id).await;
            cloud.sweep().await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let done = tokio::select! {
        done = ada.when(&id, "succeeded") => done,
        () = hasten => unreachable!("it never ends"),
    };
    assert_eq!(done["receipt"]["captured"], 25);
    assert_eq!(cloud.provider_jobs("found again").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_function_killed_while_it_opens_jobs_never_takes_credits_without_a_job() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let ada = cloud.person().await;
    let body = json!({"prompt": "opened or not [[delay:1ms]]"});
    let submits = join_all((0..30).map(|n| {
        let (ada, body) = (&ada, &body);
        async move {
            // A client that gets no answer asks again with the same key.
            loop {
                let answer = ada
                    .post_once("/generations/flux-dev", &format!("key-{n}"), body)
                    .await;
                match answer.status {
                    202 => return answer.text("id"),
                    429 | 502 | 503 => tokio::time::sleep(Duration::from_millis(50)).await,
                    _ => panic!("{:?}", answer.body),
                }
            }
        }
    }));
    let kills = async {
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            cloud
                .act("functions/generations-create/kill", &json!({}))
                .await;
        }
    };
    let ids = tokio::select! {
        ids = submits => ids,
        () = kills => unreachable!("it never ends"),
    };
    let mut distinct = ids.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 30);
    for id in &ids {
        ada.when_swept(id, "succeeded").await;
    }
    let books = ada.books().await;
    assert_eq!((books.count("hold"), books.balance()), (30, (250, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_the_sweep_touches_while_a_worker_takes_it_is_submitted_at_once() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let submits = async {
        for number in 0..8 {
            ada.generate(
                "flux-dev",
                &format!("number {number} [[reject:503:1]][[delay:1ms]]"),
            )
            .await;
        }
        eventually("all of them", || async {
            let list = ada.get("/generations?status=succeeded&limit=100").await;
            (list.expect(200)["data"].as_array().unwrap().len() == 8).then_some(())
        })
        .await;
    };
    let touches = async {
        loop {
            let list = ada
                .get("/generations?status=queued&limit=100")
                .await
                .expect(200);
            for generation in list["data"].as_array().unwrap() {
                cloud.hasten(generation["id"].as_str().unwrap()).await;
            }
            cloud.sweep().await;
        }
    };
    tokio::select! {
        () = submits => {}
        () = touches => unreachable!("it never ends"),
    }
    // A message that went back would stay hidden for minutes.
    eventually("the image queue to be empty", || async {
        let queues = cloud.local("queues").await;
        let images = queues
            .iter()
            .find(|queue| queue["name"] == "velro-local-imagequeue");
        let images = images.unwrap();
        (images["in_flight"] == 0 && images["visible"] == 0).then_some(())
    })
    .await;
    assert_eq!(ada.books().await.count("capture"), 8);
    assert_eq!(cloud.provider_jobs("number").await.len(), 8);
}
