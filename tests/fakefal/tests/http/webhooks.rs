//! Webhooks: their content, their times, and that they come again until they are taken.

use fakefal::Mood;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::harness::{DEADLINE, Fal, eventually};

/// A receiver of webhooks, and its address.
async fn receiver() -> (TcpListener, String) {
    let hooks = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", hooks.local_addr().unwrap());
    (hooks, hook)
}

/// Takes one request at `listener`, answers it with `status` once it is whole, and returns its body.
async fn answer_one(listener: &TcpListener, status: u16) -> Value {
    let (mut stream, _peer) = listener.accept().await.unwrap();
    let mut received = Vec::new();
    // Every part of the head is short, and the body is one JSON object that comes with it or after it.
    while !is_whole(&received) {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
    }
    let answer = format!("HTTP/1.1 {status} \r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    let received = String::from_utf8(received).unwrap();
    serde_json::from_str(received.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn a_webhook_that_is_sent_first_and_not_taken_is_sent_again() {
    let fal = Fal::start().await;
    let (hooks, hook) = receiver().await;
    let submit = fal
        .post(&json!({ "prompt": "a fox [[webhook-first]]" }))
        .query(&[("fal_webhook", hook)])
        .send();
    let received = async {
        answer_one(&hooks, 503).await;
        answer_one(&hooks, 200).await;
    };
    let (submitted, ()) = tokio::time::timeout(DEADLINE, async { tokio::join!(submit, received) })
        .await
        .unwrap();
    assert_eq!(submitted.unwrap().status(), 200);
    assert_eq!(fal.fal.jobs().await[0].webhooks_sent, 2);
}

/// Whether a request is whole.
fn is_whole(received: &[u8]) -> bool {
    let text = String::from_utf8_lossy(received);
    text.split_once("\r\n\r\n")
        .is_some_and(|(_, body)| serde_json::from_str::<Value>(body).is_ok())
}

#[tokio::test]
async fn a_webhook_carries_what_the_prompt_says_in_place_of_the_result() {
    let fal = Fal::start().await;
    for (directive, expected) in [
        ("null", json!(null)),
        ("plain", json!({ "detail": "plain text" })),
        ("empty", json!({})),
    ] {
        let body = webhook(&fal, &format!("[[webhook-payload:{directive}]]")).await;
        assert_eq!(
            (&body["status"], &body["payload"]),
            (&json!("OK"), &expected)
        );
        assert_eq!(body.get("payload_error").is_some(), directive == "null");
    }
    let body = webhook(&fal, "[[webhook-payload:html]]").await;
    assert!(body["payload"].as_str().unwrap().starts_with("<html>"));
    let body = webhook(&fal, "[[webhook-payload:empty]][[fail]]").await;
    assert_eq!(
        (&body["status"], &body["payload"]),
        (&json!("ERROR"), &json!({}))
    );
    let body = webhook(&fal, "as usual").await;
    assert!(body["payload"]["images"].is_array() && body.get("payload_error").is_none());
}

/// The webhook of a job with this prompt.
async fn webhook(fal: &Fal, prompt: &str) -> Value {
    let (hooks, hook) = receiver().await;
    let input = json!({ "prompt": format!("{prompt} [[delay:1ms]]") });
    let submit = fal.post(&input).query(&[("fal_webhook", hook)]).send();
    assert_eq!(submit.await.unwrap().status(), 200);
    let received = tokio::time::timeout(DEADLINE, answer_one(&hooks, 200));
    received.await.unwrap()
}

#[tokio::test]
async fn the_webhook_of_a_job_that_waits_comes_when_it_has_worked() {
    let fal = Fal::start().await;
    let full = Mood {
        concurrency: Some(0),
        ..Mood::default()
    };
    fal.fal.set_mood(full);
    let (hooks, hook) = receiver().await;
    for prompt in ["first [[delay:1ms]]", "second [[delay:1ms]]"] {
        let submit = fal
            .post(&json!({ "prompt": prompt }))
            .query(&[("fal_webhook", &hook)]);
        assert_eq!(submit.send().await.unwrap().status(), 200);
    }
    assert_eq!(fal.states().await, ["IN_QUEUE", "IN_QUEUE"]);

    // The webhook of a job that is cancelled while it waits is sent, too.
    let jobs = fal.fal.jobs().await;
    let url = format!(
        "{}/fal-ai/flux/requests/{}/cancel",
        fal.fal.url(),
        jobs[1].request_id
    );
    fal.ask(reqwest::Method::PUT, &url).send().await.unwrap();
    let cancelled = tokio::time::timeout(DEADLINE, answer_one(&hooks, 200)).await;
    assert_eq!(cancelled.unwrap()["status"], "ERROR");
    assert_eq!(fal.states().await, ["IN_QUEUE", "COMPLETED"]);

    fal.fal.set_mood(Mood::default());
    let worked = tokio::time::timeout(DEADLINE, answer_one(&hooks, 200)).await;
    assert_eq!(worked.unwrap()["status"], "OK");
    eventually("both webhooks to be counted", async || {
        let jobs = fal.fal.jobs().await;
        jobs.iter().all(|job| job.webhooks_sent == 1)
    })
    .await;
}
