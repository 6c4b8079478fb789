//! Webhooks that are not taken.

// A test that cannot go on should say where; only the tests themselves are exempt by themselves.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use fakefal::{Config, FakeFal};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const DEADLINE: Duration = Duration::from_secs(20);

/// Takes one request at `listener`, and answers it with `status` when its end has come.
async fn answer_one(listener: &TcpListener, status: u16) {
    let (mut stream, _peer) = listener.accept().await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
    }
    let answer = format!("HTTP/1.1 {status} \r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_webhook_that_is_sent_first_and_not_taken_is_sent_again() {
    let fal = FakeFal::start(Config {
        data: None,
        port: 0,
        key: "key".to_owned(),
        retired: Vec::new(),
    })
    .await
    .unwrap();
    let hooks = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", hooks.local_addr().unwrap());
    let submit = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(format!("{}/fal-ai/flux/dev", fal.url()))
        .query(&[("fal_webhook", hook)])
        .header("authorization", "Key key")
        .json(&json!({ "prompt": "a fox [[webhook-first]]" }))
        .send();
    let received = async {
        answer_one(&hooks, 503).await;
        answer_one(&hooks, 200).await;
    };
    let (submitted, ()) = tokio::time::timeout(DEADLINE, async { tokio::join!(submit, received) })
        .await
        .unwrap();
    assert_eq!(submitted.unwrap().status(), 200);
    assert_eq!(fal.jobs().await[0].webhooks_sent, 2);
}
