//! Cancels tell the truth: a job of which the provider never heard is over at once; of every other job the
//! provider's word decides, and money and status agree whichever of the two is first.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Answer, Cloud, Person, eventually};

const BONUS: (&str, i64, i64) = ("bonus", 1_000, 0);
const HOLD: (&str, i64, i64) = ("hold", -25, 25);
const CAPTURE: (&str, i64, i64) = ("capture", 0, -25);
const RELEASE: (&str, i64, i64) = ("release", 25, -25);

async fn cancel(person: &Person<'_>, id: &str) -> Answer {
    person
        .post(&format!("/generations/{id}/cancel"), &Value::Null)
        .await
}

#[track_caller]
fn over(answer: &Answer) {
    assert_eq!(
        (answer.status, &answer.body),
        (200, &json!({"status": "canceled"}))
    );
}

#[track_caller]
fn requested(answer: &Answer) {
    let expected = json!({"status": "cancel_requested"});
    assert_eq!((answer.status, &answer.body), (202, &expected));
}

/// Waits until the record says that the job waits for its next try, after this many attempts.
pub async fn waits_with_attempts(cloud: &Cloud, id: &str, attempts: u32) -> Option<()> {
    use aws_sdk_dynamodb::types::AttributeValue;
    let found = cloud.dynamodb().get_item();
    let found = found
        .table_name("velro-local-generationstable")
        .key("id", AttributeValue::S(id.to_owned()))
        .send()
        .await
        .unwrap();
    let item = found.item?;
    let waits = item["state"] == AttributeValue::S("queued".to_owned());
    let tried = item["attempts"].as_n().unwrap().parse::<u32>().unwrap();
    (waits && tried >= attempts).then_some(())
}

#[tokio::test]
async fn a_job_that_waits_with_us_is_over_at_once_and_never_reaches_the_provider() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let id = ada.generate("flux-dev", "never [[reject:503:2]]").await;
    // It was refused twice, and waits for its third try, which the provider would accept.
    eventually("two refusals", || waits_with_attempts(&cloud, &id, 2)).await;
    cancel(&eve, &id).await.problem(404, "not_found");
    over(&cancel(&ada, &id).await);
    let canceled = ada.generation(&id).await;
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(canceled["error"]["code"], "canceled");
    let receipt = json!({"quoted": 25, "held": 0, "captured": 0, "released": 25, "refunded": 0, "reason": "canceled"});
    assert_eq!(canceled["receipt"], receipt);
    over(&cancel(&ada, &id).await);

    // Its message comes back, finds nothing to do, and goes.
    eventually("the image queue to be empty", || async {
        let queues = cloud.local("queues").await;
        let images = queues
            .iter()
            .find(|queue| queue["name"] == "velro-local-imagequeue");
        let images = images.unwrap();
        (images["in_flight"] == 0 && images["visible"] == 0).then_some(())
    })
    .await;
    assert_eq!(ada.books().await.lines(), [BONUS, HOLD, RELEASE]);
    assert_eq!(cloud.provider_jobs("never").await.len(), 0);
    assert_eq!(cloud.dead_letters().await, 0);
}

#[tokio::test]
async fn a_job_at_the_provider_keeps_its_hold_until_the_provider_says_how_it_ended() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let stopped = ada.generate("flux-dev", "[[delay:90s]]").await;
    ada.when(&stopped, "running").await;
    requested(&cancel(&ada, &stopped).await);
    // The webhook reported it.
    let done = ada.when(&stopped, "canceled").await;
    assert_eq!(done["error"]["code"], "canceled");
    assert_eq!(done["receipt"]["released"], 25);
    assert!(done["cancel_requested_at"].is_string());
    over(&cancel(&ada, &stopped).await);

    // The sweep found it.
    let silent = ada.generate("flux-dev", "[[lost]][[no-webhook]]").await;
    ada.when(&silent, "running").await;
    requested(&cancel(&ada, &silent).await);
    requested(&cancel(&ada, &silent).await);
    ada.when_swept(&silent, "canceled").await;

    // To the provider, a cancel is only a wish: a job that it finished is delivered, and paid for.
    let finished = ada.generate("flux-dev", "[[no-cancel]][[delay:2s]]").await;
    ada.when(&finished, "running").await;
    requested(&cancel(&ada, &finished).await);
    let held = ada.generation(&finished).await;
    assert_eq!(
        (&held["status"], &held["receipt"]["held"]),
        (&json!("running"), &json!(25))
    );
    let done = ada.when(&finished, "succeeded").await;
    assert_eq!(done["receipt"]["captured"], 25);
    ada.download(&done).await;
    cancel(&ada, &finished).await.problem(409, "too_late");

    let failed = ada.generate("flux-dev", "[[fail]]").await;
    ada.when(&failed, "failed").await;
    cancel(&ada, &failed).await.problem(409, "too_late");
    let books = ada.books().await;
    let ends = [HOLD, RELEASE, HOLD, RELEASE, HOLD, CAPTURE, HOLD, RELEASE];
    assert_eq!(books.lines()[1..], ends);
    assert_eq!(cloud.local("fal/jobs").await.len(), 4);
}

#[tokio::test]
async fn a_job_whose_outcome_nobody_knows_keeps_its_hold_until_proof_or_the_policy() {
    const SILENT: &str = "[[drop-submit]][[no-webhook]][[delay:1ms]]";
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let proven = ada.generate("flux-dev", SILENT).await;
    ada.when(&proven, "unknown").await;
    requested(&cancel(&ada, &proven).await);
    requested(&cancel(&ada, &proven).await);
    let held = ada.generation(&proven).await;
    assert_eq!(
        (&held["status"], &held["receipt"]["held"]),
        (&json!("unknown"), &json!(25))
    );
    let job = &cloud.provider_jobs("drop-submit").await[0];
    let path = format!("fal/jobs/{}/webhook", job["request_id"].as_str().unwrap());
    cloud.act(&path, &json!({"times": 1})).await;
    ada.when(&proven, "succeeded").await;

    let unproven = ada.generate("flux-dev", SILENT).await;
    ada.when(&unproven, "unknown").await;
    requested(&cancel(&ada, &unproven).await);
    let refunded = ada.when_swept(&unproven, "failed").await;
    assert_eq!(refunded["error"]["code"], "outcome_unknown");
    let books = ada.books().await;
    assert_eq!(books.lines(), [BONUS, HOLD, CAPTURE, HOLD, RELEASE]);
}

/// Different fates of a job at the provider.
const MIX: [&str; 6] = [
    "[[delay:1ms]]",
    "[[delay:150ms]]",
    "[[delay:400ms]][[no-cancel]]",
    "[[delay:100ms]][[no-webhook]]",
    "[[reject:503:1]][[delay:50ms]]",
    "[[fail]][[delay:100ms]]",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_two_hundred_races_of_cancel_against_completion_money_and_status_agree() {
    let cloud = Cloud::start().await;
    let people = join_all((0..20).map(|_| cloud.person())).await;
    let raced = race(&people, 10).await;
    rest(&cloud, &people).await;
    let jobs = cloud.local("fal/jobs").await;
    let mut ends = [0, 0, 0];
    for (person, id, number, answer) in &raced {
        let done = person.generation(id).await;
        let status = done["status"].as_str().unwrap();
        check_receipt(&done);
        match (answer.status, answer.body["status"].as_str()) {
            (200, Some("canceled")) => assert_eq!(status, "canceled"),
            (202, Some("cancel_requested")) => {
                assert!(["succeeded", "canceled", "failed"].contains(&status))
            }
            (409, _) => {
                answer.problem(409, "too_late");
                assert!(["succeeded", "failed"].contains(&status), "{status}");
            }
            other => panic!("{other:?}: {:?}", answer.body),
        }
        ends[["succeeded", "canceled", "failed"]
            .iter()
            .position(|end| *end == status)
            .unwrap()] += 1;
        let submits = submits(&jobs, person, *number);
        assert!(
            submits <= 1 && (answer.status != 200 || submits == 0),
            "{done:#}"
        );
    }
    // Each side must have won some of the races, or the test shows nothing.
    assert!(ends[0] > 10 && ends[1] > 10, "{ends:?}");
    for person in &people {
        let books = person.books().await;
        assert_eq!((books.count("hold"), books.balance().1), (10, 0));
    }
    assert_eq!(cloud.dead_letters().await, 0);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

/// Asks for a job, again with the same key if the machine was too busy to answer in time; its id.
async fn ask(person: &Person<'_>, prompt: &str) -> String {
    loop {
        let body = json!({"prompt": prompt});
        let answer = person
            .post_once("/generations/flux-dev", prompt, &body)
            .await;
        match answer.status {
            202 => return answer.text("id"),
            502 | 503 => {}
            _ => panic!("{:?}", answer.body),
        }
    }
}

/// Asks for jobs, and cancels each at another moment of its life.
async fn race<'a>(
    people: &'a [Person<'a>],
    each: usize,
) -> Vec<(&'a Person<'a>, String, usize, Answer)> {
    let races = people.iter().flat_map(|person| {
        (0..each).map(move |number| async move {
            // Spread out, so that jobs are queued, submitted, running, stored and done when the cancel comes.
            tokio::time::sleep(Duration::from_millis(number as u64 * 300)).await;
            let directives = MIX[number % MIX.len()];
            let prompt = format!("race {number} of {}. {directives}", person.id);
            let id = ask(person, &prompt).await;
            let pause = (number as u64 * 7_919) % 2_400;
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let answer = cancel(person, &id).await;
            (person, id, number, answer)
        })
    });
    join_all(races).await
}

/// The number of times that the provider was given a job of the race.
fn submits(jobs: &[Value], person: &Person<'_>, number: usize) -> usize {
    let name = format!("race {number} of {}.", person.id);
    let is_it = |job: &&Value| job["input"]["prompt"].as_str().unwrap().starts_with(&name);
    jobs.iter().filter(is_it).count()
}

fn check_receipt(generation: &Value) {
    let receipt = &generation["receipt"];
    let (what, delivered) = match generation["status"].as_str().unwrap() {
        "succeeded" => ("captured", true),
        "failed" | "canceled" => ("released", false),
        "unknown" => ("held", false),
        other => panic!("{other}"),
    };
    for part in ["held", "captured", "released"] {
        let expected = if part == what { 25 } else { 0 };
        assert_eq!(receipt[part], expected, "{generation:#}");
    }
    let outputs = generation["outputs"].as_array().unwrap();
    assert_eq!(!outputs.is_empty(), delivered, "{generation:#}");
}

/// Waits until every job has ended, or can no longer be resolved.
async fn rest(cloud: &Cloud, people: &[Person<'_>]) {
    eventually("every job to rest", || async {
        let mut is_quiet = true;
        for person in people {
            for status in ["queued", "running", "storing"] {
                let path = format!("/generations?limit=100&status={status}");
                let list = person.get(&path).await.expect(200);
                for generation in list["data"].as_array().unwrap() {
                    is_quiet = false;
                    cloud.hasten(generation["id"].as_str().unwrap()).await;
                }
            }
        }
        cloud.sweep().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        is_quiet.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_while_workers_are_killed_lose_nothing_and_repeat_nothing() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let people = join_all((0..3).map(|_| cloud.person())).await;
    let kills = async {
        for round in 0.. {
            let worker = ["jobs-submit", "jobs-settle", "generations-cancel"][round % 3];
            tokio::time::sleep(Duration::from_millis(170)).await;
            cloud
                .act(&format!("functions/{worker}/kill"), &json!({}))
                .await;
        }
    };
    let raced = tokio::select! {
        raced = race(&people, 12) => raced,
        () = kills => unreachable!("it never ends"),
    };
    rest(&cloud, &people).await;
    let jobs = cloud.local("fal/jobs").await;
    for (person, id, number, answer) in &raced {
        let done = person.generation(id).await;
        check_receipt(&done);
        match answer.status {
            200 => assert_eq!(done["status"], "canceled"),
            202 | 409 => {}
            // Its function was killed: the next request is told the truth.
            502 | 503 => {
                let again = cancel(person, id).await;
                let expected = match done["status"].as_str().unwrap() {
                    "canceled" => 200,
                    "unknown" => 202,
                    _ => 409,
                };
                assert_eq!(again.status, expected, "{done:#}");
            }
            other => panic!("{other}: {:?}", answer.body),
        }
        assert!(submits(&jobs, person, *number) <= 1, "{done:#}");
    }
    for person in &people {
        person.books().await;
    }
}
