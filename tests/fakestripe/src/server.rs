//! Stripe's API over HTTP, and the page on which a buyer pays.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State as Extracted};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::state::Session;
use crate::{Inner, Move};

/// Serves until the stand-in stops.
pub(crate) async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let stopping = inner.stopping.clone();
    let routes = Router::new()
        .route("/v1/checkout/sessions", post(create))
        .route("/v1/checkout/sessions/{id}", get(show))
        .route("/pay/{id}", get(page).post(pay))
        .with_state(inner);
    let serving = axum::serve(listener, routes);
    let serving = std::future::IntoFuture::into_future(serving);
    stopping.run_until_cancelled(serving).await;
}

async fn create(
    Extracted(inner): Extracted<Arc<Inner>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    if !is_known(&inner, &headers) {
        return problem(StatusCode::UNAUTHORIZED, "invalid_request_error", None);
    }
    let fields = form(&body);
    for address in ["success_url", "cancel_url"] {
        let url = fields.get(address).map(|url| reqwest::Url::parse(url));
        if !matches!(url, Some(Ok(_))) {
            return problem(
                StatusCode::BAD_REQUEST,
                "invalid_request_error",
                Some(address),
            );
        }
    }
    let Some(session) = Session::new(&inner.url, fields) else {
        let param = Some("line_items[0]");
        return problem(StatusCode::BAD_REQUEST, "invalid_request_error", param);
    };
    let key = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok());
    let made = inner.store.write(|state| {
        if let Some((request, made)) = key.and_then(|key| state.keys.get(key)) {
            return match made {
                _ if *request != body => Made::OtherRequest,
                Some(made) => Made::Session(state.sessions[made].object()),
                None => Made::Failure,
            };
        }
        let fails = state.failures > 0;
        state.failures = state.failures.saturating_sub(1);
        if let Some(key) = key {
            let used = (body.clone(), (!fails).then(|| session.id.clone()));
            state.keys.insert(key.to_owned(), used);
        }
        if fails {
            return Made::Failure;
        }
        let object = session.object();
        state.sessions.insert(session.id.clone(), session);
        Made::Session(object)
    });
    match made {
        Ok(Made::Session(object)) => json_of(StatusCode::OK, &object),
        Ok(Made::OtherRequest) => problem(StatusCode::BAD_REQUEST, "idempotency_error", None),
        Ok(Made::Failure) | Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "api_error", None),
    }
}

/// The outcome of a request for a session. If it is a failure of Stripe's own, the request's idempotency key
/// gives the same failure from then on.
enum Made {
    Session(Value),
    OtherRequest,
    Failure,
}

async fn show(
    Extracted(inner): Extracted<Arc<Inner>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !is_known(&inner, &headers) {
        return problem(StatusCode::UNAUTHORIZED, "invalid_request_error", None);
    }
    match inner
        .store
        .read(|state| state.sessions.get(&id).map(Session::object))
    {
        Some(object) => json_of(StatusCode::OK, &object),
        None => problem(StatusCode::NOT_FOUND, "invalid_request_error", Some("id")),
    }
}

/// Ids and amounts are our own, so nothing needs escaping.
async fn page(Extracted(inner): Extracted<Arc<Inner>>, Path(id): Path<String>) -> Response {
    let Some(session) = inner.store.read(|state| state.sessions.get(&id).cloned()) else {
        return (StatusCode::NOT_FOUND, "there is no such checkout").into_response();
    };
    let (amount, id) = (session.amount, &session.id);
    Html(format!(
        "<!doctype html><title>Pay</title><p>A stand-in for Stripe: no money moves.</p>\
         <form method=post action=\"/pay/{id}\"><button>Pay {amount} cents</button></form>"
    ))
    .into_response()
}

async fn pay(Extracted(inner): Extracted<Arc<Inner>>, Path(id): Path<String>) -> Response {
    // Paying twice has the same effect as paying once.
    let _ = inner.act(&id, &Move::Pay, true);
    let session = inner.store.read(|state| state.sessions.get(&id).cloned());
    let target = session.and_then(|session| session.fields.get("success_url").cloned());
    match target {
        Some(url) => {
            let url = url.replace("{CHECKOUT_SESSION_ID}", &id);
            (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such checkout").into_response(),
    }
}

fn is_known(inner: &Inner, headers: &HeaderMap) -> bool {
    let shown = headers.get(header::AUTHORIZATION);
    let expected = format!("Bearer {}", inner.config.key);
    shown.is_some_and(|shown| shown.as_bytes() == expected.as_bytes())
}

fn form(body: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://form/?{body}"));
    let pairs = url.map(|url| url.query_pairs().into_owned().collect());
    pairs.unwrap_or_default()
}

fn problem(status: StatusCode, kind: &str, param: Option<&str>) -> Response {
    json_of(
        status,
        &json!({"error": {"type": kind, "param": param, "message": kind}}),
    )
}

fn json_of(status: StatusCode, body: &Value) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body.to_string()).into_response()
}
