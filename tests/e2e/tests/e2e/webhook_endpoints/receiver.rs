//! A server that receives webhooks. Owns the received messages; refuses to judge them, but for their
//! signatures.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use standardwebhooks::Webhook;

use crate::harness::eventually;

/// A receiver, which keeps every message.
pub struct Receiver {
    pub url: String,
    pub heard: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    /// The ids of the events that it accepted.
    pub took: Arc<Mutex<Vec<String>>>,
}

/// The status that stands for no answer at all.
pub const NEVER: StatusCode = StatusCode::CONTINUE;

impl Receiver {
    pub async fn start() -> Self {
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let answers = Arc::<Mutex<VecDeque<StatusCode>>>::default();
        let took = Arc::<Mutex<Vec<_>>>::default();
        let (keeps, says, takes) = (heard.clone(), answers.clone(), took.clone());
        let router = Router::new().fallback(move |request: Request<Body>| async move {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let id = parts.headers["webhook-id"].to_str().unwrap().to_owned();
            keeps.lock().unwrap().push((parts.headers, body));
            let answer = says.lock().unwrap().pop_front();
            let answer = answer.unwrap_or(StatusCode::OK);
            if answer == NEVER {
                std::future::pending::<()>().await;
            }
            if answer.is_success() {
                takes.lock().unwrap().push(id);
            }
            (answer, "noted")
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url,
            heard,
            answers,
            took,
        }
    }

    /// Sets the next answers, one after another; 200 follows.
    pub fn answer(&self, answers: impl IntoIterator<Item = u16>) {
        let answers = answers
            .into_iter()
            .map(|code| StatusCode::from_u16(code).unwrap());
        self.answers.lock().unwrap().extend(answers);
    }

    /// Waits until it has heard `count` messages; each one's id, and its event.
    pub async fn heard(&self, count: usize) -> Vec<(String, Value)> {
        eventually(&format!("{count} events"), || async {
            let heard = self.heard.lock().unwrap();
            assert!(heard.len() <= count, "{heard:#?}");
            let event = |(headers, body): &(HeaderMap, Bytes)| {
                let id = headers["webhook-id"].to_str().unwrap().to_owned();
                (id, serde_json::from_slice(body).unwrap())
            };
            (heard.len() == count).then(|| heard.iter().map(event).collect())
        })
        .await
    }

    /// Whether every message was signed with this secret.
    pub fn verifies(&self, secret: &str) -> bool {
        let webhook = Webhook::new(secret).unwrap();
        let heard = self.heard.lock().unwrap();
        heard.iter().all(|(headers, body)| {
            let mut headers = headers.clone();
            let verified = webhook.verify(body, &headers).is_ok();
            // The signature is of exactly this message.
            headers.insert("webhook-id", "evt_other".parse().unwrap());
            assert!(webhook.verify(body, &headers).is_err());
            verified
        })
    }
}
