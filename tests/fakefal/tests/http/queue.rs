//! The queue: a job's place in it, the word for the end, and the number of jobs that work at a time.

use fakefal::{Config, Mood};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Fal, Submitted, config, eventually};

async fn limited(concurrency: u32) -> Fal {
    Fal::start_with(Config {
        concurrency: Some(concurrency),
        ..config()
    })
    .await
}

/// The state of a job, and the number of jobs ahead of it.
async fn place(fal: &Fal, job: &Submitted) -> (String, Option<u64>) {
    let told = fal.told(job).await;
    let state = told["status"].as_str().unwrap().to_owned();
    (state, told["queue_position"].as_u64())
}

#[tokio::test]
async fn the_place_in_the_queue_falls_by_one_at_each_look_and_then_things_go_on_as_usual() {
    let fal = Fal::start().await;
    let job = fal
        .submit("a fox [[position:3]][[delay:1ms]][[status:504:1]]")
        .await;
    assert_eq!(job.0["queue_position"], 3);
    assert_eq!(fal.status(&job).await.status(), 504);
    for position in [3, 2, 1, 0] {
        let told = fal.status(&job).await;
        assert_eq!(told.status(), 202);
        let told: Value = told.json().await.unwrap();
        assert_eq!(
            (&told["status"], &told["queue_position"]),
            (&json!("IN_QUEUE"), &json!(position))
        );
    }
    assert_eq!(place(&fal, &job).await, ("COMPLETED".to_owned(), None));
}

#[tokio::test]
async fn a_job_that_is_cancelled_leaves_the_queue_whatever_its_place() {
    let fal = Fal::start().await;
    let job = fal.submit("a fox [[position:1000]][[lost]]").await;
    assert_eq!(place(&fal, &job).await, ("IN_QUEUE".to_owned(), Some(1000)));
    assert_eq!(fal.cancel(&job).await.status(), 202);
    assert_eq!(fal.told(&job).await["error_type"], "client_cancelled");
}

#[tokio::test]
async fn the_end_is_called_what_the_prompt_says_with_200() {
    let fal = Fal::start().await;
    let job = fal
        .submit("a fox [[word:FAILED:2]][[word:TIMED OUT:1]][[delay:1ms]]")
        .await;
    fal.until_all_ended().await;
    for word in ["FAILED", "FAILED", "TIMED OUT", "COMPLETED"] {
        let told = fal.status(&job).await;
        assert_eq!(told.status(), 200);
        assert_eq!(told.json::<Value>().await.unwrap()["status"], word);
    }
    let failing = fal
        .submit("a fox [[word:ERROR]][[fail:no_media_generated]][[delay:1ms]]")
        .await;
    fal.until_all_ended().await;
    let told = fal.told(&failing).await;
    assert_eq!(
        (&told["status"], &told["error_type"]),
        (&json!("ERROR"), &json!("no_media_generated"))
    );
}

#[tokio::test]
async fn at_most_so_many_jobs_work_and_the_others_wait_in_the_order_in_which_they_came() {
    let fal = limited(2).await;
    let mut jobs = Vec::new();
    for position in [0, 0, 0, 1, 2] {
        let job = fal.submit("a fox [[delay:60s]]").await;
        assert_eq!(job.0["queue_position"], position);
        jobs.push(job);
    }
    let mut places = Vec::new();
    for job in &jobs {
        places.push(place(&fal, job).await);
    }
    let waiting = |position| ("IN_QUEUE".to_owned(), Some(position));
    let working = ("IN_PROGRESS".to_owned(), None);
    assert_eq!(
        places,
        [
            working.clone(),
            working.clone(),
            waiting(0),
            waiting(1),
            waiting(2)
        ]
    );

    // A cancelled job makes room, at work or in the queue.
    assert_eq!(fal.cancel(&jobs[3]).await.status(), 202);
    assert_eq!(place(&fal, &jobs[4]).await, waiting(1));
    assert_eq!(fal.cancel(&jobs[0]).await.status(), 202);
    assert_eq!(place(&fal, &jobs[2]).await, working);
    assert_eq!(place(&fal, &jobs[4]).await, waiting(0));
    assert_eq!(
        fal.states().await,
        [
            "COMPLETED",
            "IN_PROGRESS",
            "IN_PROGRESS",
            "COMPLETED",
            "IN_QUEUE"
        ]
    );
}

#[tokio::test]
async fn no_more_than_the_limit_ever_work_and_all_of_them_end() {
    let fal = limited(3).await;
    for number in 0..12 {
        fal.submit(&format!("number {number} [[delay:{}ms]]", number * 10))
            .await;
    }
    eventually("every job to end", async || {
        let states = fal.states().await;
        let at_work = states
            .iter()
            .filter(|state| **state == "IN_PROGRESS")
            .count();
        assert!(at_work <= 3, "{states:?}");
        // Nobody overtakes.
        let first_waiting = states.iter().position(|state| *state == "IN_QUEUE");
        let last_started = states.iter().rposition(|state| *state != "IN_QUEUE");
        assert!(
            first_waiting.is_none_or(|first| Some(first) > last_started),
            "{states:?}"
        );
        states.iter().all(|state| *state == "COMPLETED")
    })
    .await;
}

#[tokio::test]
async fn a_job_works_as_long_as_it_says_from_when_it_starts() {
    let fal = limited(1).await;
    let first = fal.submit("first [[delay:60s]]").await;
    let second = fal.submit("second [[delay:300ms]]").await;
    assert_eq!(place(&fal, &second).await.0, "IN_QUEUE");
    let started = std::time::Instant::now();
    fal.cancel(&first).await;
    fal.until_all_ended().await;
    assert!(started.elapsed() >= std::time::Duration::from_millis(300));
}

#[tokio::test]
async fn the_limit_can_be_set_and_lifted_while_jobs_wait() {
    let fal = Fal::start().await;
    let mood = |concurrency| Mood {
        concurrency,
        ..Mood::default()
    };
    fal.fal.set_mood(mood(Some(0)));
    for _ in 0..3 {
        fal.submit("a fox [[delay:60s]]").await;
    }
    assert_eq!(fal.states().await, ["IN_QUEUE"; 3]);
    fal.fal.set_mood(mood(Some(2)));
    assert_eq!(
        fal.states().await,
        ["IN_PROGRESS", "IN_PROGRESS", "IN_QUEUE"]
    );
    fal.fal.set_mood(mood(None));
    assert_eq!(fal.states().await, ["IN_PROGRESS"; 3]);
}

#[tokio::test]
async fn a_webhook_that_comes_first_waits_for_nobody() {
    let fal = limited(1).await;
    fal.submit("[[lost]]").await;
    let first = fal.submit("a fox [[webhook-first]]").await;
    assert_eq!(place(&fal, &first).await.0, "COMPLETED");
}

#[tokio::test]
async fn those_who_wait_go_on_waiting_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let limited = || Config {
        data: Some(folder.path().to_owned()),
        concurrency: Some(1),
        ..config()
    };
    let fal = Fal::start_with(limited()).await;
    fal.submit("[[lost]]").await;
    fal.submit("[[delay:1ms]]").await;
    assert_eq!(fal.states().await, ["IN_PROGRESS", "IN_QUEUE"]);
    fal.fal.shutdown().await;
    drop(fal);

    let fal = Fal::start_with(limited()).await;
    assert_eq!(fal.states().await, ["IN_PROGRESS", "IN_QUEUE"]);
    let lost = &fal.fal.jobs().await[0].request_id;
    let url = format!("{}/fal-ai/flux/requests/{lost}/cancel", fal.fal.url());
    fal.ask(Method::PUT, &url).send().await.unwrap();
    fal.until_all_ended().await;
}
