//! What a function answers, and the headers that every answer has.

use std::time::Duration;

use api::problem::Problem;
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use lambda_http::{Body, Response};
use serde::Serialize;

/// Headers that a page from another origin may read.
const EXPOSED: &str = "Idempotent-Replayed, Location, Retry-After, X-Request-Id";
/// What a page from another origin may send.
const ALLOWED_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, Prefer, X-Request-Id";
const ALLOWED_METHODS: &str = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
/// How long a browser may keep a preflight's answer; Chromium's own limit is two hours.
const PREFLIGHT_MAX_AGE_S: &str = "7200";

/// What keeps a browser from taking an answer for anything else: the OWASP REST Security Cheat Sheet's headers. A page
/// says itself what it may load.
const SECURITY: [(HeaderName, &str); 5] = [
    (
        header::STRICT_TRANSPORT_SECURITY,
        "max-age=63072000; includeSubDomains",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
];

/// An answer being made.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    content_type: &'static str,
    body: String,
}

impl Reply {
    /// 200 with `body` as JSON.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// 201 with `body` as JSON.
    pub fn created(body: &impl Serialize) -> Self {
        Self::json(StatusCode::CREATED, body)
    }

    /// `status` with `body` as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self {
                status,
                headers: Vec::new(),
                content_type: "application/json",
                body,
            },
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    /// 200 with `body`, which is of this type already.
    #[must_use]
    pub fn text(content_type: &'static str, body: &str) -> Self {
        let body = body.to_owned();
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            content_type,
            body,
        }
    }

    /// `status` with nothing.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "",
            body: String::new(),
        }
    }

    /// A problem, with `Retry-After` where it passes by itself.
    #[must_use]
    pub fn problem(problem: &Problem, retry_after: Option<Duration>) -> Self {
        let status =
            StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reply = Self {
            content_type: api::problem::CONTENT_TYPE,
            ..Self::json(status, problem)
        };
        let reply = match retry_after {
            Some(after) => reply.retry_after(after),
            None => reply,
        };
        if status == StatusCode::UNAUTHORIZED {
            reply.header(header::WWW_AUTHENTICATE, "Bearer")
        } else {
            reply
        }
    }

    /// The answer to a preflight; the origin is named by [`Reply::finish`], if it is configured.
    #[must_use]
    pub fn preflight() -> Self {
        Self::empty(StatusCode::NO_CONTENT)
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED_METHODS)
            .header(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS)
            .header(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_S)
    }

    /// Adds a header; a value that no header can have is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Says that an earlier request with the same key did this, if one did.
    #[must_use]
    pub fn replayed(self, is_replay: bool) -> Self {
        if is_replay {
            self.header(HeaderName::from_static("idempotent-replayed"), "true")
        } else {
            self
        }
    }

    /// Whether it tells of a fault of ours.
    pub(crate) fn is_fault(&self) -> bool {
        self.status.is_server_error()
    }

    /// Says when to ask again, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        let seconds = after.as_millis().div_ceil(1_000).max(1);
        self.header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// The response, with the headers that every answer has.
    pub(crate) fn finish(
        self,
        request_id: &str,
        origin: Option<&str>,
        allowed: &[String],
    ) -> Response<Body> {
        let has = |name: HeaderName| self.headers.iter().any(|(given, _)| *given == name);
        let cacheable = has(header::CACHE_CONTROL);
        let preflight = has(header::ACCESS_CONTROL_MAX_AGE);
        let mut response = Response::new(if self.body.is_empty() {
            Body::Empty
        } else {
            Body::Text(self.body)
        });
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        if !self.content_type.is_empty() {
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(self.content_type),
            );
        }
        if !cacheable {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        for (name, value) in SECURITY {
            if !headers.contains_key(&name) {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        if let Some(origin) = origin
            && allowed.iter().any(|known| known == origin || known == "*")
            && let Ok(origin) = HeaderValue::from_str(origin)
        {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            if !preflight {
                headers.insert(
                    header::ACCESS_CONTROL_EXPOSE_HEADERS,
                    HeaderValue::from_static(EXPOSED),
                );
            }
        }
        response
    }
}
