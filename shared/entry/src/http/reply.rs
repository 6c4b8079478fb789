//! The answers of functions, and the headers that every answer has.

use std::marker::PhantomData;
use std::time::Duration;

use api::endpoint::{Accepted, Created, Either, Empty, Json, Text};
use api::problem::Problem;
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use lambda_http::{Body, Response};
use serde::Serialize;

/// Headers that a page from another origin may read.
const EXPOSED: &str = "Idempotent-Replayed, Location, Retry-After, X-Request-Id";

/// The headers that keep a browser from misinterpreting an answer, from the OWASP REST Security Cheat
/// Sheet. A page sets its own content security policy.
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

/// An answer of the form that its endpoint declares.
#[derive(Debug)]
pub struct Reply<A> {
    plain: Plain,
    form: PhantomData<fn() -> A>,
}

/// An answer of any form.
#[derive(Debug)]
pub(crate) struct Plain {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    content_type: &'static str,
    body: String,
}

impl<T: Serialize> Reply<T> {
    /// Returns 200 with `body` as JSON.
    pub fn ok(body: &T) -> Self {
        Self::of(Plain::json(StatusCode::OK, body))
    }
}

impl<T: Serialize> Reply<Created<T>> {
    /// Returns 201 with `body` as JSON.
    pub fn created(body: &T) -> Self {
        Self::of(Plain::json(StatusCode::CREATED, body))
    }
}

impl<T: Serialize> Reply<Accepted<T>> {
    /// Returns 202 with `body` as JSON.
    pub fn accepted(body: &T) -> Self {
        Self::of(Plain::json(StatusCode::ACCEPTED, body))
    }
}

impl<T: Serialize> Reply<Json<503, T>> {
    /// Returns 503 with `body` as JSON.
    pub fn unavailable(body: &T) -> Self {
        Self::of(Plain::json(StatusCode::SERVICE_UNAVAILABLE, body))
    }
}

impl<const STATUS: u16> Reply<Empty<STATUS>> {
    /// Returns the status alone.
    #[must_use]
    pub fn empty() -> Self {
        let status = StatusCode::from_u16(STATUS).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::of(Plain::empty(status))
    }
}

impl Reply<Text> {
    /// Returns 200 with `body`, which is already text of this media type.
    #[must_use]
    pub fn text(content_type: &'static str, body: &str) -> Self {
        Self::of(Plain {
            content_type,
            body: body.to_owned(),
            ..Plain::empty(StatusCode::OK)
        })
    }
}

impl<A, B> Reply<Either<A, B>> {
    /// Gives the first of the two answers.
    #[must_use]
    pub fn first(reply: Reply<A>) -> Self {
        Self::of(reply.plain)
    }

    /// Gives the second of the two answers.
    #[must_use]
    pub fn second(reply: Reply<B>) -> Self {
        Self::of(reply.plain)
    }
}

impl<A> Reply<A> {
    fn of(plain: Plain) -> Self {
        Self {
            plain,
            form: PhantomData,
        }
    }

    /// Adds a header. A value that is not valid in a header is left out.
    #[must_use]
    pub fn header(self, name: HeaderName, value: &str) -> Self {
        Self::of(self.plain.header(name, value))
    }

    /// Adds the header that says that an earlier request with the same key did this, if one did.
    #[must_use]
    pub fn replayed(self, is_replay: bool) -> Self {
        if is_replay {
            self.header(HeaderName::from_static("idempotent-replayed"), "true")
        } else {
            self
        }
    }

    /// Adds the time after which to ask again, in whole seconds, at least one.
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        Self::of(self.plain.retry_after(after))
    }

    pub(crate) fn into_plain(self) -> Plain {
        self.plain
    }
}

impl Plain {
    fn json(status: StatusCode, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => Self {
                content_type: "application/json",
                body,
                ..Self::empty(status)
            },
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written as JSON");
                Self::empty(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }

    fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "",
            body: String::new(),
        }
    }

    /// Returns a problem, with `Retry-After` if it passes by itself.
    pub(crate) fn problem(problem: &Problem, retry_after: Option<Duration>) -> Self {
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

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    fn retry_after(self, after: Duration) -> Self {
        let seconds = after.as_millis().div_ceil(1_000).max(1);
        self.header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// Returns whether the answer reports a fault of ours.
    pub(crate) fn is_fault(&self) -> bool {
        self.status.is_server_error()
    }

    /// Returns the response, with the headers that every answer has.
    pub(crate) fn finish(
        self,
        request_id: &str,
        origin: Option<&str>,
        allowed: &[String],
    ) -> Response<Body> {
        let has = |name: HeaderName| self.headers.iter().any(|(given, _)| *given == name);
        let cacheable = has(header::CACHE_CONTROL);
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
            headers.insert(
                header::ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED),
            );
        }
        response
    }
}
