//! Random sequences of answers, which end in success, refusal or silence, while workers are killed: each job
//! ends as the evidence says.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::evidence::hastened;
use crate::harness::{Cloud, Person, eventually_within};

const PEOPLE: usize = 6;
const JOBS_EACH: usize = 16;
/// The time in which every job must end. A worker that dies keeps its message for some minutes, or the job
/// whose media it copies for two and a half; after that, a job's bad answers still come one look after the
/// other.
const PATIENCE: Duration = Duration::from_secs(450);
/// Every run draws the same sequences: a failure names its prompt, which suffices to repeat it.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;
const PASSING: [&str; 12] = [
    "401",
    "403/detail",
    "404",
    "408",
    "409",
    "425",
    "429",
    "500",
    "502/html",
    "503",
    "504/detail",
    "200/empty",
];
/// Answers that mean that a submit was not accepted, and may be made again.
const NOT_ACCEPTED: [&str; 7] = ["401", "403/detail", "404", "408", "425", "429", "503"];
const WORKERS: [&str; 4] = ["jobs-submit", "jobs-settle", "webhooks-fal", "jobs-sweep"];

/// xorshift: the same numbers every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Up to two answers of a stage, each up to three times.
    fn answers(&mut self, stage: &str, of: &[&str]) -> String {
        let count = self.below(3);
        let answers =
            (0..count).map(|_| format!("[[{stage}:{}:{}]]", self.pick(of), self.below(3) + 1));
        answers.collect()
    }
}

/// The end of a job at the provider, if the provider has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    Made,
    Refused,
    Silent,
}

#[derive(Debug)]
struct Job {
    id: String,
    prompt: String,
    course: Course,
}

fn draw(random: &mut Random, person: &Person<'_>, number: usize) -> (String, Course) {
    let course = [Course::Made, Course::Made, Course::Refused, Course::Silent][random.below(4)];
    let end = match course {
        Course::Made => "[[delay:200ms]]",
        Course::Refused => "[[fail:content_policy_violation]][[delay:200ms]]",
        Course::Silent => "[[lost]]",
    };
    let mut prompt = format!("{} {number:02} {end}", person.id);
    let at_submit: &[&str] = match random.below(4) {
        0 => &PASSING,
        _ => &NOT_ACCEPTED,
    };
    prompt += &random.answers("submit", at_submit);
    for stage in ["status", "result", "cancel", "media"] {
        prompt += &random.answers(stage, &PASSING);
    }
    prompt += ["", "[[no-webhook]]", "[[webhook:3]]"][random.below(3)];
    (prompt, course)
}

async fn kill_at_random(cloud: &Cloud) {
    let mut random = Random(SEED.rotate_left(17));
    loop {
        tokio::time::sleep(Duration::from_millis(200 + random.below(700) as u64)).await;
        let path = format!("functions/{}/kill", random.pick(&WORKERS));
        cloud.act(&path, &json!({})).await;
    }
}

/// The job's record.
async fn kept(cloud: &Cloud, id: &str) -> HashMap<String, AttributeValue> {
    let found = cloud
        .dynamodb()
        .get_item()
        .table_name("velro-local-generationstable")
        .key("id", AttributeValue::S(id.to_owned()))
        .send()
        .await
        .unwrap();
    found.item.unwrap()
}

async fn check(cloud: &Cloud, person: &Person<'_>, job: &Job) -> Value {
    let last = Mutex::new(Value::Null);
    let what = format!("{job:?} to end");
    let ends = eventually_within(PATIENCE * 2, &what, || async {
        let generation = person.generation(&job.id).await;
        *last.lock().unwrap() = generation.clone();
        let status = generation["status"].as_str().unwrap();
        matches!(status, "succeeded" | "failed" | "canceled").then_some(generation)
    });
    let done = match tokio::time::timeout(PATIENCE, ends).await {
        Ok(done) => done,
        Err(_) => {
            let kept = kept(cloud, &job.id).await;
            panic!("{job:?} does not end: {last:?}, {kept:?}")
        }
    };
    let at_provider = cloud
        .provider_jobs(&job.prompt[..job.prompt.find("[[").unwrap()])
        .await;
    assert!(at_provider.len() <= 1, "made twice: {job:?}");
    let status = done["status"].as_str().unwrap();
    let code = done["error"]["code"].as_str();
    // Without the provider's id for it, and without a webhook, nobody can ask.
    let has_news = kept(cloud, &job.id).await.contains_key("ticket");
    let ended = (status, code);
    let expected = match (at_provider.len(), job.course) {
        (0, _) => matches!(
            ended,
            ("failed", Some("provider_unavailable" | "outcome_unknown"))
        ),
        (_, Course::Made) => {
            status == "succeeded" || (!has_news && code == Some("outcome_unknown"))
        }
        (_, Course::Refused) => {
            code == Some("content_policy_violation")
                || (!has_news && code == Some("outcome_unknown"))
        }
        (_, Course::Silent) => status == "canceled" || ended == ("failed", Some("outcome_unknown")),
    };
    assert!(
        expected,
        "{job:?} ended {ended:?}, asked for: {has_news}: {done:#}"
    );
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_sequence_of_answers_ends_as_the_evidence_says_although_workers_die() {
    let cloud = Cloud::start_with(&[
        ("JobDeadlineMinutes", "0.6"),
        ("UnknownHours", "0.02"),
        ("ContentRefusalsPerDay", "1000"),
    ])
    .await;
    cloud.expects_faults();
    let people = join_all((0..PEOPLE).map(|_| cloud.person())).await;
    let mut random = Random(SEED);
    let mut jobs = Vec::new();
    for person in &people {
        for number in 0..JOBS_EACH {
            let (prompt, course) = draw(&mut random, person, number);
            let id = person.generate("flux-dev", &prompt).await;
            jobs.push((person, Job { id, prompt, course }));
        }
    }
    let ends = async {
        let kills = async {
            tokio::time::timeout(Duration::from_secs(25), kill_at_random(&cloud))
                .await
                .unwrap_err();
        };
        let checks = join_all(jobs.iter().map(|(person, job)| check(&cloud, person, job)));
        let ((), done) = tokio::join!(kills, checks);
        done
    };
    let done = hastened(&cloud, ends).await;
    let count = |status: &str| done.iter().filter(|end| end["status"] == status).count();
    // Each kind of end must occur, or the test shows nothing.
    assert!(
        count("succeeded") > 20 && count("failed") > 10 && count("canceled") > 0,
        "{:?}",
        [count("succeeded"), count("failed"), count("canceled")]
    );
    for person in &people {
        let books = person.books().await;
        assert_eq!((books.count("hold"), books.balance().1), (JOBS_EACH, 0));
    }
}
