//! Kills without end: at any moment, no credit is lost or spent twice, and no job is submitted twice.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::User;
use crate::process::{Process, eventually, is_running};

const KILLS: u32 = 5;
const JOBS: usize = 20;
const PRICE: usize = 25;
/// The longest time from being ready to the kill.
const LIFE_MAX_MS: u64 = 3_000;
/// The pause between two jobs, so that they spread over all kills.
const JOB_EVERY: Duration = Duration::from_millis(400);
const RETRY_EVERY: Duration = Duration::from_millis(50);
const SUBMIT_DEADLINE: Duration = Duration::from_secs(300);
const ORPHANS_DEADLINE: Duration = Duration::from_secs(60);

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// The prompt of job `number`.
fn prompt(number: usize) -> String {
    let directives = match number % 5 {
        0 => "[[delay:2s]]",
        1 => "[[delay:300ms]] [[webhook:3]]",
        2 => "[[delay:1s]] [[fail:content_policy_violation]]",
        3 => "[[delay:1s]] [[no-webhook]]",
        _ => "[[webhook-first]]",
    };
    format!("fox {number} {directives}")
}

/// Asks for job `number` like a client that does not give up: with one key, until it has an answer.
async fn ask(user: &User, number: usize) -> String {
    let key = format!("job-{number}");
    let headers = [("idempotency-key", key.as_str())];
    let body = json!({ "prompt": prompt(number) });
    let started = Instant::now();
    loop {
        let call = user.call(Method::POST, "/generations/flux-dev", &headers, &body);
        if let Ok(answer) = call.await {
            let status = answer.status().as_u16();
            // The answer itself may be cut off.
            if status == 202
                && let Ok(generation) = answer.json::<Value>().await
            {
                return generation["id"].as_str().unwrap().to_owned();
            }
            assert!(
                matches!(status, 202 | 409 | 500..),
                "job {number}: {status}"
            );
        }
        assert!(
            started.elapsed() < SUBMIT_DEADLINE,
            "job {number} is not accepted"
        );
        tokio::time::sleep(RETRY_EVERY).await;
    }
}

/// Checks that every job at rest has booked its credits as its status says; counts the jobs that succeeded,
/// failed, and are unknown.
async fn settled(process: &Process, user: &User, ids: &[String]) -> [usize; 3] {
    let books = user.books().await;
    books.check();
    let [mut succeeded, mut failed, mut unknown] = [0; 3];
    for (number, id) in ids.iter().enumerate() {
        let generation = user.generation(id).await;
        let booked = ["hold", "capture", "release"].map(|kind| books.count(kind, id));
        let submitted = process.provider_jobs(id).await;
        assert!(submitted <= 1, "submitted {submitted} times: {generation}");
        match generation["status"].as_str().unwrap() {
            "succeeded" => {
                succeeded += 1;
                assert_eq!((booked, submitted), ([1, 1, 0], 1), "{generation}");
            }
            "failed" => {
                failed += 1;
                assert_eq!((booked, number % 5), ([1, 0, 1], 2), "{generation}");
            }
            "unknown" => {
                unknown += 1;
                assert_eq!(booked, [1, 0, 0], "{generation}");
                // A job that the provider has may be unknown only if the provider reports it to nobody.
                assert!(submitted == 0 || number % 5 == 3, "{generation}");
            }
            other => panic!("{other}: {generation}"),
        }
    }
    assert_eq!(books.wallet["held"], unknown * PRICE);
    assert_eq!(books.wallet["lifetime_spent"], succeeded * PRICE);
    [succeeded, failed, unknown]
}

#[tokio::test(flavor = "multi_thread")]
async fn however_often_it_is_killed_every_job_ends_once_and_every_credit_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Process::on(folder.path(), &["--no-throttle"]).await;
    let user = User::register(process.url()).await;
    let asking = {
        let user = user.clone();
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for number in 0..JOBS {
                ids.push(ask(&user, number).await);
                tokio::time::sleep(JOB_EVERY).await;
            }
            ids
        })
    };
    let mut dice = Dice(0x5EED_F0CE);
    let mut orphans = Vec::new();
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(dice.below(LIFE_MAX_MS))).await;
        let url = process.url().to_owned();
        orphans.extend(process.kill());
        process = Process::on(folder.path(), &["--no-throttle"]).await;
        assert_eq!(process.url(), url);
    }
    let ids = asking.await.unwrap();
    eventually(
        "the functions of the killed clouds are gone",
        ORPHANS_DEADLINE,
        async || !orphans.iter().any(|pid| is_running(*pid)),
    )
    .await;
    user.until_at_rest(&process, &ids).await;

    let listed = user.all("/generations").await;
    let mut listed: Vec<&str> = listed.iter().filter_map(|one| one["id"].as_str()).collect();
    listed.reverse();
    assert_eq!(listed, ids);
    let [succeeded, failed, unknown] = settled(&process, &user, &ids).await;
    eprintln!("{succeeded} succeeded, {failed} failed, {unknown} unknown");
}
