//! fal's queue API over HTTP, and the files that its results point to.
//!
//! Owns paths and the order of checks. Status, result and cancel addresses have no sub-path, as at fal:
//! `/{owner}/{app}/requests/{id}`, for every endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::http::request::Parts as Head;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::files::{self, Wanted};
use crate::replies::{NoReply, Reply, detail, json_of};
use crate::store::Kept;
use crate::wire::{Flushes, Wire};
use crate::{Inner, clock, requests, submit};

const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped, as was asked for")]
struct Dropped;

/// Serves until the stand-in stops.
pub(crate) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    loop {
        let accepted = tokio::select! {
            () = inner.stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _peer)) => {
                let (serving, stopping) = (Arc::clone(&inner), inner.stopping.clone());
                let connection = async move {
                    stopping
                        .run_until_cancelled(converse(stream, serving))
                        .await;
                };
                inner.tasks.spawn(connection);
            }
            Err(_out_of_files) => tokio::time::sleep(ACCEPT_REST).await,
        }
    }
}

async fn converse(stream: TcpStream, inner: Arc<Inner>) {
    let _ = stream.set_nodelay(true);
    let (wire, flushes) = Wire::new(stream);
    let service = service_fn(move |request| {
        let (inner, flushes) = (Arc::clone(&inner), flushes.clone());
        async move {
            match answer(&inner, request, flushes).await {
                Ok(reply) => Ok(reply),
                Err(NoReply::Dropped) => Err(Dropped),
                Err(NoReply::Fault(problem)) => Ok(detail(500, &problem.0)),
            }
        }
    });
    // A failed connection concerns its client alone, who notices it.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(wire), service)
        .await;
}

async fn answer(
    inner: &Arc<Inner>,
    request: Request<Incoming>,
    flushes: Flushes,
) -> Result<Reply, NoReply> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().trim_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let origin = origin(inner, &head.headers);
    match (&head.method, segments.as_slice()) {
        (&Method::GET, [".well-known", "jwks.json"]) => {
            return Ok(json_of(200, &inner.signer.jwks()));
        }
        (&Method::GET | &Method::HEAD, [folder @ ("files" | "missing"), id, file]) => {
            let wanted = Wanted {
                request_id: id,
                name: file,
                is_missing: *folder == "missing",
                head: &head,
                origin: &origin,
                flushes,
            };
            return files::serve(inner, wanted).await;
        }
        (_, ["missing", ..]) => return Ok(detail(404, "not found")),
        _ => {}
    }
    let shown = head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    if shown != Some(format!("Key {}", inner.key).as_bytes()) {
        let told = "Cannot access application. Authentication is required";
        return Ok(detail(401, told));
    }
    match (&head.method, segments.as_slice()) {
        (&Method::GET, [_, _, "requests", id, "status"]) => {
            requests::status(inner, id, &origin).await
        }
        (&Method::GET, [_, _, "requests", id]) => requests::result(inner, id, &origin).await,
        (&Method::PUT, [_, _, "requests", id, "cancel"]) => {
            requests::cancel(inner, id, &origin).await
        }
        (_, [_, _, "requests", ..]) => Ok(detail(405, "Method Not Allowed")),
        (&Method::POST, [_, _, ..]) if !inner.retired.contains(&path) => {
            match job(&head, path, body).await {
                Ok(job) => submit::submit(inner, job, &origin).await,
                Err(refusal) => Ok(refusal),
            }
        }
        _ => Ok(detail(404, &format!("Path /{path} not found"))),
    }
}

/// The job that a submit describes, or the answer to a submit that describes none.
async fn job(head: &Head, model: String, body: Incoming) -> Result<Kept, Reply> {
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Err(detail(413, "the request is too large"));
    };
    let Ok(input @ Value::Object(_)) = serde_json::from_slice(&body.to_bytes()) else {
        let problem = json!({
            "loc": ["body"], "msg": "the body is not a JSON object", "type": "json_invalid",
        });
        return Err(json_of(422, &json!({ "detail": [problem] })));
    };
    Ok(Kept {
        request_id: uuid::Uuid::new_v4().to_string(),
        model,
        input,
        headers: extra_headers(&head.headers),
        webhook_url: webhook_url(head.uri.query().unwrap_or_default()),
        submitted_ms: clock::now_ms(),
        work_ms: None,
        started_ms: None,
        finish_ms: None,
        failure: None,
        webhooks_sent: 0,
    })
}

/// The address at which the caller reached us: behind a TLS proxy, that is not our own.
fn origin(inner: &Inner, headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("x-forwarded-proto"), text("host")) {
        (Some(scheme @ ("http" | "https")), Some(host)) => format!("{scheme}://{host}"),
        _ => inner.url.clone(),
    }
}

fn webhook_url(query: &str) -> Option<String> {
    let url = reqwest::Url::parse(&format!("http://query/?{query}")).ok()?;
    url.query_pairs()
        .find(|(name, _)| name == "fal_webhook")
        .map(|(_, value)| value.into_owned())
}

fn extra_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let ours = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-"));
    ours.map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    })
    .collect()
}
