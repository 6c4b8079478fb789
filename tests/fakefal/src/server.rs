//! fal's queue API over HTTP, and the files that its results point to.
//!
//! Owns paths, statuses and the order of checks. Status, result and cancel addresses have no sub-path, as at fal:
//! `/{owner}/{app}/requests/{id}`, whatever endpoint was asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::directives::Directives;
use crate::output::{self, Kind};
use crate::store::Kept;
use crate::{Inner, clock, media, webhooks};

type Answer = Response<Full<Bytes>>;

const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// How long an image that a job refers to may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long jobs take that do not say.
const PICTURE_MS: i64 = 1_000;
const VIDEO_MS: i64 = 4_000;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped, as the prompt asked")]
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
    let service = service_fn(move |request| {
        let inner = Arc::clone(&inner);
        async move { answer(&inner, request).await }
    });
    // A connection that fails is the client's loss, and the client knows of it.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(inner: &Arc<Inner>, request: Request<Incoming>) -> Result<Answer, Dropped> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().trim_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    match (&head.method, segments.as_slice()) {
        (&Method::GET, [".well-known", "jwks.json"]) => {
            return Ok(json_of(200, &inner.signer.jwks()));
        }
        (&Method::GET, ["files", id, file]) => return Ok(file_of(inner, id, file).await),
        _ => {}
    }
    let shown = head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    if shown != Some(format!("Key {}", inner.key).as_bytes()) {
        return Ok(detail(
            401,
            "Cannot access application. Authentication is required",
        ));
    }
    let origin = origin(inner, &head.headers);
    match (&head.method, segments.as_slice()) {
        (&Method::GET, [_, _, "requests", id, "status"]) => Ok(status(inner, id, &origin)),
        (&Method::GET, [_, _, "requests", id]) => Ok(result(inner, id, &origin)),
        (&Method::PUT, [_, _, "requests", id, "cancel"]) => Ok(cancel(inner, id)),
        (_, [_, _, "requests", ..]) => Ok(detail(405, "Method Not Allowed")),
        (&Method::POST, [_, _, ..]) if !inner.retired.contains(&path) => {
            let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
                return Ok(detail(413, "the request is too large"));
            };
            let Ok(input @ Value::Object(_)) = serde_json::from_slice(&body.to_bytes()) else {
                return Ok(json_of(
                    422,
                    &json!({ "detail": [
                    { "loc": ["body"], "msg": "the body is not a JSON object", "type": "json_invalid" }
                ] }),
                ));
            };
            let webhook_url = webhook_url(head.uri.query().unwrap_or_default());
            let job = Kept {
                request_id: uuid::Uuid::new_v4().to_string(),
                model: path,
                input,
                headers: extra_headers(&head.headers),
                webhook_url,
                submitted_ms: clock::now_ms(),
                finish_ms: None,
                failure: None,
                webhooks_sent: 0,
            };
            submit(inner, job, &origin).await
        }
        _ => Ok(detail(404, &format!("Path /{path} not found"))),
    }
}

/// Accepts a job, unless its prompt asks for something else.
async fn submit(inner: &Arc<Inner>, mut job: Kept, origin: &str) -> Result<Answer, Dropped> {
    let directives = job.directives();
    if let Some(reject) = directives.reject {
        let is_rejected = match reject.times {
            None => true,
            Some(times) => {
                let count = inner.store.count_reject(output::prompt(&job.input));
                count.is_ok_and(|count| count <= times)
            }
        };
        if is_rejected {
            return Ok(detail(
                reject.status,
                "the request is rejected, as the prompt asked",
            ));
        }
    }
    job.failure = ending(inner, &job, &directives).await;
    let usual_ms = match Kind::of(&job.model) {
        Kind::Video => VIDEO_MS,
        Kind::Images | Kind::Image | Kind::Audio => PICTURE_MS,
    };
    let delay_ms = match directives.webhook_first {
        true => 0,
        false => directives.delay_ms.unwrap_or(usual_ms),
    };
    job.finish_ms = (!directives.lost).then(|| job.submitted_ms.saturating_add(delay_ms));
    let Ok(webhooks) = inner.store.accept(&job, &due_ms(&job, &directives)) else {
        return Ok(detail(500, "the stand-in cannot keep the job"));
    };
    inner.due.notify_one();
    if directives.webhook_first
        && let Some(first) = webhooks.first()
    {
        webhooks::send(inner, &job, *first, 0).await;
    }
    if directives.drop_submit {
        return Err(Dropped);
    }
    let address = address(&job, origin);
    let body = json!({
        "status": "IN_QUEUE",
        "request_id": job.request_id,
        "response_url": address,
        "status_url": format!("{address}/status"),
        "cancel_url": format!("{address}/cancel"),
        "queue_position": 0,
    });
    Ok(with_request_id(json_of(200, &body), &job.request_id))
}

/// When each of a job's webhooks is due. The one that is sent before the submit is answered is put off meanwhile: it
/// is sent again only if it was not taken.
fn due_ms(job: &Kept, directives: &Directives) -> Vec<i64> {
    let (Some(finish_ms), Some(_)) = (job.finish_ms, &job.webhook_url) else {
        return Vec::new();
    };
    let mut due_ms: Vec<i64> = (0..directives.webhooks).map(|_| finish_ms).collect();
    if directives.webhook_first
        && let Some(first) = due_ms.first_mut()
    {
        *first = webhooks::put_off_ms(finish_ms, 0);
    }
    due_ms
}

/// The error that a job will end with: the one that was asked for, or that its images cannot be fetched.
async fn ending(inner: &Inner, job: &Kept, directives: &Directives) -> Option<String> {
    if directives.fail.is_some() {
        return directives.fail.clone();
    }
    let fields = job.input.as_object().into_iter().flatten();
    for (_, url) in fields.filter(|(name, _)| name.ends_with("_url")) {
        let fetch = inner
            .http
            .get(url.as_str().unwrap_or_default())
            .timeout(FETCH_TIMEOUT);
        if !fetch
            .send()
            .await
            .is_ok_and(|answer| answer.status() == StatusCode::OK)
        {
            return Some("file_download_error".to_owned());
        }
    }
    None
}

fn status(inner: &Inner, id: &str, origin: &str) -> Answer {
    let Some(job) = inner.store.job(id) else {
        return not_found();
    };
    let state = job.state(clock::now_ms());
    let address = address(&job, origin);
    let mut body = json!({
        "status": state,
        "request_id": job.request_id,
        "response_url": address,
        "status_url": format!("{address}/status"),
        "cancel_url": format!("{address}/cancel"),
    });
    match state {
        "IN_QUEUE" => body["queue_position"] = json!(0),
        "COMPLETED" => {
            body["logs"] = Value::Null;
            body["metrics"] = json!({ "inference_time": 1.0 });
            if let Some(kind) = &job.failure {
                body["error"] = json!(format!("the request failed: {kind}"));
                body["error_type"] = json!(kind);
            }
        }
        _ => body["logs"] = Value::Null,
    }
    // 202 while it runs, 200 when it ended: clients tell them apart by that.
    json_of(if state == "COMPLETED" { 200 } else { 202 }, &body)
}

fn result(inner: &Inner, id: &str, origin: &str) -> Answer {
    match inner.store.job(id) {
        None => not_found(),
        Some(job) if job.state(clock::now_ms()) == "COMPLETED" => {
            let (status, body) = output::result(&job, origin);
            let mut answer = with_request_id(json_of(status, &body), id);
            // The platform's own errors have their type in a header too.
            let kind = body.get("error_type").and_then(Value::as_str);
            if let Some(Ok(kind)) = kind.map(HeaderValue::from_str) {
                answer.headers_mut().insert("x-fal-error-type", kind);
            }
            answer
        }
        Some(_) => detail(400, "Request is still in progress"),
    }
}

fn cancel(inner: &Inner, id: &str) -> Answer {
    let Some(job) = inner.store.job(id) else {
        return not_found();
    };
    let now_ms = clock::now_ms();
    let requested = json!({ "status": "CANCELLATION_REQUESTED" });
    if job.state(now_ms) == "COMPLETED" {
        return json_of(400, &json!({ "status": "ALREADY_COMPLETED" }));
    }
    if job.directives().no_cancel {
        return json_of(202, &requested);
    }
    match inner.store.cancel(id, now_ms) {
        Ok(true) => {
            inner.due.notify_one();
            json_of(202, &requested)
        }
        Ok(false) => json_of(400, &json!({ "status": "ALREADY_COMPLETED" })),
        Err(problem) => detail(500, &problem.0),
    }
}

async fn file_of(inner: &Arc<Inner>, id: &str, file: &str) -> Answer {
    let number = file
        .split('.')
        .next()
        .and_then(|number| number.parse().ok());
    let (Some(job), Some(number)) = (inner.store.job(id), number) else {
        return detail(404, "not found");
    };
    if job.state(clock::now_ms()) != "COMPLETED" || job.failure.is_some() {
        return detail(404, "not found");
    }
    match tokio::task::spawn_blocking(move || media::draw(&job, number)).await {
        Ok(Ok(file)) => {
            let mut answer = Response::new(Full::new(Bytes::from(file.bytes)));
            let content_type = HeaderValue::from_static(file.content_type);
            answer.headers_mut().insert(CONTENT_TYPE, content_type);
            answer
        }
        Ok(Err(problem)) => detail(500, &problem.0),
        Err(problem) => detail(500, &problem.to_string()),
    }
}

/// `{origin}/{owner}/{app}/requests/{id}`: only the first two parts of the endpoint.
fn address(job: &Kept, origin: &str) -> String {
    let app: Vec<&str> = job.model.splitn(3, '/').take(2).collect();
    format!("{origin}/{}/requests/{}", app.join("/"), job.request_id)
}

/// Where the caller reached us: behind a TLS proxy, that is not our own address.
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

fn not_found() -> Answer {
    json_of(404, &json!({ "status": "NOT_FOUND" }))
}

fn detail(status: u16, text: &str) -> Answer {
    json_of(status, &json!({ "detail": text }))
}

fn json_of(status: u16, body: &Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

fn with_request_id(mut answer: Answer, request_id: &str) -> Answer {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        answer.headers_mut().insert("x-fal-request-id", value);
    }
    answer
}
