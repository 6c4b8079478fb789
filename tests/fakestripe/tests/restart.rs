//! Events are kept: one that nobody took is sent by the next run.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use fakestripe::{Config, FakeStripe, Move};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const DEADLINE: Duration = Duration::from_secs(20);

async fn start(data: &Path, webhook_url: String) -> FakeStripe {
    let config = Config {
        data: Some(data.to_owned()),
        port: 0,
        key: "key".to_owned(),
        webhook_secret: "secret".to_owned(),
        webhook_url,
    };
    FakeStripe::start(config).await.unwrap()
}

/// Takes one request at `listener`, and returns its text.
async fn take(listener: &TcpListener) -> String {
    let (mut stream, _peer) = listener.accept().await.unwrap();
    let mut received = Vec::new();
    while !received.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
    }
    let answer = b"HTTP/1.1 200 \r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    stream.write_all(answer).await.unwrap();
    String::from_utf8(received).unwrap()
}

#[tokio::test]
async fn an_event_that_was_not_taken_is_sent_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let stripe = start(folder.path(), "http://127.0.0.1:9/".to_owned()).await;
    let form = "success_url=http%3A%2F%2Fa.b&cancel_url=http%3A%2F%2Fa.b\
                &line_items[0][price_data][unit_amount]=500&line_items[0][price_data][currency]=usd";
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = |key: &'static str| {
        let url = format!("{}/v1/checkout/sessions", stripe.url());
        http.post(url).bearer_auth(key).body(form).send()
    };
    assert_eq!(ask("another").await.unwrap().status(), 401);
    assert_eq!(ask("key").await.unwrap().status(), 200);
    let session = stripe.sessions()[0].id.clone();
    assert!(stripe.act("cs_none", &Move::Pay, true).unwrap().is_none());
    assert!(stripe.act(&session, &Move::Refund(None), true).is_err());
    let event = stripe.act(&session, &Move::Pay, true).unwrap().unwrap();
    stripe.shutdown().await;

    let hooks = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", hooks.local_addr().unwrap());
    let again = start(folder.path(), hook).await;
    let told = tokio::time::timeout(DEADLINE, take(&hooks)).await.unwrap();
    assert!(told.contains("stripe-signature: t="), "{told}");
    assert!(told.contains(event["id"].as_str().unwrap()), "{told}");
    assert!(again.sessions()[0].is_paid);
    // Paying twice makes no second payment.
    assert!(again.act(&session, &Move::Pay, true).is_err());
}
