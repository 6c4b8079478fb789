//! A credit is never lost, invented or spent twice, however many requests come at once and however often they
//! are repeated.

use futures::future::join_all;
use futures::stream::{self, StreamExt as _};
use serde_json::json;

use crate::harness::{Cloud, eventually};

const PICTURE: &str = "/generations/flux-pro-ultra";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parallel_submits_spend_exactly_what_the_wallet_holds() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let body = json!({"prompt": "one of a thousand [[delay:1ms]]"});
    let answers: Vec<_> = stream::iter(0..1_000)
        .map(|_| ada.post(PICTURE, &body))
        .buffer_unordered(1_000)
        .collect()
        .await;
    let accepted: Vec<_> = answers.iter().filter(|a| a.status == 202).collect();
    let refused = answers.iter().filter(|a| a.status == 402);
    let refused = refused.inspect(|a| {
        a.problem(402, "out_of_credits");
    });
    assert_eq!((accepted.len(), refused.count()), (20, 980));

    for answer in &accepted {
        ada.when(&answer.text("id"), "succeeded").await;
    }
    let books = ada.books().await;
    assert_eq!(books.balance(), (0, 0));
    assert_eq!((books.count("hold"), books.count("capture")), (20, 20));
    assert_eq!(cloud.provider_jobs("one of a thousand").await.len(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_identical_posts_with_one_key_are_one_job() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let body = json!({"prompt": "only one of these [[delay:1ms]]"});
    let answers = join_all((0..200).map(|_| ada.post_once(PICTURE, "key-1", &body))).await;
    let id = answers[0].text("id");
    let mut replays = 0;
    for answer in &answers {
        assert_eq!(answer.status, 202, "{:?}", answer.body);
        assert_eq!(answer.text("id"), id);
        replays += usize::from(answer.header("idempotent-replayed") == "true");
    }
    assert_eq!(replays, 199);

    ada.when(&id, "succeeded").await;
    let books = ada.books().await;
    assert_eq!((books.count("hold"), books.count("capture")), (1, 1));
    assert_eq!(books.balance(), (950, 0));
    assert_eq!(cloud.provider_jobs("only one of these").await.len(), 1);

    let late = ada.post_once(PICTURE, "key-1", &body).await;
    assert_eq!(late.header("idempotent-replayed"), "true");
    assert_eq!(
        (late.status, &late.body["status"]),
        (202, &json!("succeeded"))
    );
}

#[tokio::test]
async fn a_key_is_bound_to_its_request_and_to_its_owner() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let body = json!({"prompt": "bound"});
    let first = ada.post_once(PICTURE, "key", &body).await;
    assert_eq!(first.status, 202);

    for (path, other) in [
        (PICTURE, json!({"prompt": "another"})),
        (
            PICTURE,
            json!({"prompt": "bound", "parameters": {"seed": 1}}),
        ),
        ("/generations/flux-dev", body.clone()),
    ] {
        let answer = ada.post_once(path, "key", &other).await;
        answer.problem(422, "idempotency_mismatch");
    }
    let hers = eve.post_once(PICTURE, "key", &body).await;
    assert_eq!((hers.status, hers.header("idempotent-replayed")), (202, ""));
    assert_ne!(hers.text("id"), first.text("id"));
    assert_eq!(ada.books().await.count("hold"), 1);
    assert_eq!(eve.books().await.count("hold"), 1);
}

#[tokio::test]
async fn a_refused_request_does_not_use_its_key_up() {
    let cloud = Cloud::start_with(&[("SignUpCredits", "40")]).await;
    let ada = cloud.person().await;
    let dear = json!({"prompt": "too dear"});
    let refused = ada.post_once(PICTURE, "key", &dear).await;
    refused.problem(402, "out_of_credits");
    let invalid = ada
        .post_once("/generations/flux-dev", "key", &json!({}))
        .await;
    invalid.problem(422, "validation_failed");
    let cheap = ada
        .post_once(
            "/generations/flux-dev",
            "key",
            &json!({"prompt": "affordable"}),
        )
        .await;
    assert_eq!(
        (cheap.status, cheap.header("idempotent-replayed")),
        (202, "")
    );
}

#[tokio::test]
async fn a_price_above_what_the_caller_agreed_to_is_refused_before_anything_is_held() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let asked = |max| json!({"prompt": "at most", "max_credits": max});
    ada.post(PICTURE, &asked(49))
        .await
        .problem(409, "price_changed");
    assert_eq!(ada.books().await.balance(), (1_000, 0));
    assert_eq!(ada.post(PICTURE, &asked(50)).await.status, 202);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_free_plan_has_at_most_twenty_five_jobs_in_flight() {
    let cloud = Cloud::start_with(&[("SignUpCredits", "5000")]).await;
    let ada = cloud.person().await;
    let body = json!({"prompt": "many at once [[delay:3s]]"});
    let answers = join_all((0..40).map(|_| ada.post("/generations/flux-dev", &body))).await;
    let accepted = answers.iter().filter(|answer| answer.status == 202);
    assert_eq!(accepted.count(), 25);
    for answer in answers.iter().filter(|answer| answer.status != 202) {
        answer.problem(429, "concurrency_limit");
    }
    // A place is free as soon as a job has ended.
    eventually("a free place", || async {
        let answer = ada.post("/generations/flux-dev", &body).await;
        (answer.status == 202).then_some(())
    })
    .await;
    ada.books().await;
}
