//! A receiver on this machine, and addresses that must never be called.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::*;

type Heard = Arc<Mutex<Vec<(header::HeaderMap, axum::body::Bytes)>>>;

/// Starts a receiver that answers like this. Returns its address, and the requests that it heard.
async fn receiver(answer: fn() -> Response) -> (String, Heard) {
    let heard = Heard::default();
    let keeps = heard.clone();
    let router = Router::new().fallback(move |request: Request<Body>| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        keeps.lock().unwrap().push((parts.headers, body));
        answer()
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

async fn tell(url: &str) -> ReceiverAnswer {
    let message = Message {
        id: "evt_1",
        at_s: 7,
        signatures: vec!["v1,a".to_owned(), "v1,b".to_owned()],
        body: b"{}".to_vec(),
    };
    let receivers = Receivers::new(Reach::ThisMachine).unwrap();
    receivers.tell(url, message).await
}

#[tokio::test]
async fn a_receiver_is_sent_the_body_with_the_headers_of_standard_webhooks() {
    let (url, heard) = receiver(|| "thanks".into_response()).await;
    let answer = tell(&url).await;
    assert_eq!((answer.status, answer.reached()), (Some(200), Reached::Yes));
    assert_eq!(answer.response.as_deref(), Some("thanks"));
    let heard = heard.lock().unwrap();
    let (headers, body) = &heard[0];
    assert_eq!(&body[..], b"{}");
    for (name, value) in [
        ("content-type", "application/json"),
        ("webhook-id", "evt_1"),
        ("webhook-timestamp", "7"),
        ("webhook-signature", "v1,a v1,b"),
    ] {
        assert_eq!(headers[name], value);
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let to_metadata = || {
        let location = [(header::LOCATION, "http://169.254.169.254/latest/meta-data/")];
        (StatusCode::TEMPORARY_REDIRECT, location).into_response()
    };
    let (url, heard) = receiver(to_metadata).await;
    let answer = tell(&url).await;
    assert_eq!((answer.status, answer.reached()), (Some(307), Reached::No));
    assert_eq!(heard.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_is_kept_as_far_as_its_first_kibibyte() {
    let long = || (StatusCode::BAD_GATEWAY, "é".repeat(1_000_000)).into_response();
    let (url, _) = receiver(long).await;
    let answer = tell(&url).await;
    assert_eq!(answer.reached(), Reached::No);
    assert_eq!(answer.response.map(|text| text.chars().count()), Some(512));
}

#[tokio::test]
async fn a_receiver_can_say_that_it_is_gone_or_when_to_come_again() {
    let (url, _) = receiver(|| StatusCode::GONE.into_response()).await;
    assert_eq!(tell(&url).await.reached(), Reached::Gone);
    let busy = || {
        let after = [(header::RETRY_AFTER, "90")];
        (StatusCode::TOO_MANY_REQUESTS, after).into_response()
    };
    let (url, _) = receiver(busy).await;
    let wanted = Some(RetryAt::In(Duration::from_secs(90)));
    assert_eq!(tell(&url).await.retry_at, wanted);
    let down = || {
        let at = [(header::RETRY_AFTER, "Thu, 01 Jan 1970 00:00:07 GMT")];
        (StatusCode::SERVICE_UNAVAILABLE, at).into_response()
    };
    let (url, _) = receiver(down).await;
    let wanted = Some(RetryAt::At(Timestamp::from_ms(7_000)));
    assert_eq!(tell(&url).await.retry_at, wanted);
}

#[tokio::test]
async fn a_receiver_that_nobody_hears_is_told_of_in_words() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    drop(taken);
    let answer = tell(&url).await;
    assert_eq!(answer.status, None);
    let why = answer.error.unwrap();
    assert!(why.starts_with("no connection"), "{why}");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_called() {
    let receivers = Receivers::new(Reach::Public).unwrap();
    let message = Message {
        id: "evt_1",
        at_s: 7,
        signatures: Vec::new(),
        body: Vec::new(),
    };
    // The name is checked when it is connected to, not before: its address may change.
    let answer = receivers.tell("https://localhost/hook", message).await;
    let why = "the name leads to no public address";
    assert_eq!(answer.error.as_deref(), Some(why));
}

#[test]
fn an_address_is_public_and_over_tls_or_refused() {
    for url in [
        "https://example.org/hook",
        "https://example.org:8443/hook?token=a%20b",
        "https://8.8.8.8/",
    ] {
        assert!(check_url(url, Reach::Public).is_ok(), "{url}");
    }
    for url in [
        "",
        "example.org/hook",
        "http://example.org/hook",
        "ftp://example.org/hook",
        "https://user@example.org/",
        "https://user:word@example.org/",
        "https://example.org/#part",
        "http://127.0.0.1/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00:ec2::254]/",
        "https://10.0.0.1/",
        "https://192.168.0.1/",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ] {
        assert!(check_url(url, Reach::Public).is_err(), "{url}");
    }
    let long = format!("https://example.org/{}", "a".repeat(2_000));
    assert!(check_url(&long, Reach::Public).is_err());
    assert!(check_url("http://127.0.0.1:9/", Reach::ThisMachine).is_ok());
    assert!(check_url("http://10.0.0.1:9/", Reach::ThisMachine).is_err());
}
