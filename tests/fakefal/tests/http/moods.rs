//! The account's moods, which come before the directives of single jobs.

use fakefal::Mood;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Fal;

fn mood(fields: Value) -> Mood {
    serde_json::from_value(fields).unwrap()
}

#[tokio::test]
async fn a_mood_answers_at_every_stage_until_it_passes() {
    let fal = Fal::start().await;
    let url = fal.picture("a fox [[status:500:1]][[media:404:1]]").await;
    let job = fal
        .submit("a fox [[lost]][[status:500:1]][[cancel:500:1]]")
        .await;
    let bad = json!({ "submit": "403/detail", "status": "502/html", "result": "504", "cancel": "429", "media": "503" });
    fal.fal.set_mood(mood(bad.clone()));
    assert_eq!(serde_json::to_value(fal.fal.mood()).unwrap(), bad);

    for _ in 0..2 {
        let refused = fal.try_submit("a fox [[submit:504:1]][[reject:429]]").await;
        assert_eq!(refused.status(), 403);
        let told: Value = refused.json().await.unwrap();
        let told = told["detail"].as_str().unwrap();
        assert!(told.starts_with("User is locked. Reason: Exhausted balance."));
        assert_eq!(fal.status(&job).await.status(), 502);
        assert_eq!(fal.result(&job).await.status(), 504);
        assert_eq!(fal.cancel(&job).await.status(), 429);
        assert_eq!(fal.http.get(&url).send().await.unwrap().status(), 503);
    }
    let unknown = format!("{}/fal-ai/flux/requests/nothing/status", fal.fal.url());
    assert_eq!(
        fal.ask(Method::GET, &unknown)
            .send()
            .await
            .unwrap()
            .status(),
        502
    );
    let missing = format!("{}/missing/nothing/0.png", fal.fal.url());
    assert_eq!(fal.http.get(missing).send().await.unwrap().status(), 503);

    // The prompts' own scripts were not used up meanwhile.
    fal.fal.set_mood(mood(json!({})));
    assert_eq!(fal.fal.mood(), Mood::default());
    assert_eq!(fal.try_submit("a fox [[submit:504:1]]").await.status(), 504);
    assert_eq!(fal.status(&job).await.status(), 500);
    assert_eq!(fal.status(&job).await.status(), 202);
    assert_eq!(fal.cancel(&job).await.status(), 500);
    assert_eq!(fal.http.get(&url).send().await.unwrap().status(), 404);
    assert_eq!(fal.http.get(&url).send().await.unwrap().status(), 200);
    assert_eq!(fal.fal.jobs().await.len(), 2);
}

#[tokio::test]
async fn a_job_whose_prompt_says_so_is_accepted_in_a_bad_mood_too() {
    let fal = Fal::start().await;
    fal.fal.set_mood(mood(json!({ "submit": "504" })));
    assert_eq!(fal.try_submit("a fox").await.status(), 504);
    assert_eq!(
        fal.try_submit("a hare [[submit-accepted]]").await.status(),
        504
    );
    let jobs = fal.fal.jobs().await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].input["prompt"], "a hare [[submit-accepted]]");
}

#[tokio::test]
async fn a_wrong_key_is_told_so_in_every_mood() {
    let fal = Fal::start().await;
    fal.fal.set_mood(mood(json!({ "submit": "504" })));
    let url = format!("{}/fal-ai/flux/dev", fal.fal.url());
    let stranger = fal.http.post(url).json(&json!({})).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
}
