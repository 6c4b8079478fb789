//! The request to a function: its caller, path, query, body and headers.

use std::marker::PhantomData;
use std::ops::Deref;
use std::time::Duration;

use api::endpoint::{self, Access, Endpoint, Nothing};
use api::query::Query;
use domain::accounts::Scope;
use domain::attempts::{Source, WAIT_MAX};
use domain::callers::{Caller, Credential, Everybody};
use domain::idempotency::IdempotencyKey;
use domain::ids::{KeyId, SessionId, UserId};
use domain::plans::Plan;
use domain::{FieldCode, Refusal};
use lambda_http::RequestExt as _;
use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;
use lambda_http::request::RequestContext;

/// The largest JSON body that is read.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// The number of characters of an encoding's name that a refusal repeats.
const ENCODING_CHARS_MAX: usize = 40;
/// The longest request id that is accepted from a client.
const REQUEST_ID_CHARS_MAX: usize = 128;

/// Returns whether a client's request id may be written into logs and headers.
fn is_sane(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(is_plain)
}

/// A request from the gateway, whose caller has not been admitted yet.
pub struct GatewayEvent {
    event: lambda_http::Request,
    id: String,
    base_url: String,
}

/// One request to an endpoint that `Who` may call and that reads the body `B`.
pub struct Request<Who = Everybody, B = Nothing> {
    /// The caller, admitted.
    pub caller: Who,
    event: GatewayEvent,
    body: PhantomData<fn() -> B>,
}

impl<Who: Access, B: endpoint::Body> Request<Who, B> {
    /// Admits the caller of a request to this endpoint.
    ///
    /// # Errors
    /// A refusal if they may not make it; a fault if the template routes another endpoint's requests here.
    pub(crate) fn admitted<A>(
        event: GatewayEvent,
        endpoint: &Endpoint<Who, A, B>,
    ) -> Result<Self, app::Error> {
        let (method, resource) = (event.event.method().as_str(), event.resource());
        if !endpoint.serves(method, resource) {
            let asked = format!("{} does not serve {method} {resource}", endpoint.path());
            return Err(aws::Fault::new("finding the endpoint of a request", asked).into());
        }
        Ok(Self {
            caller: endpoint.admit(event.caller())?,
            event,
            body: PhantomData,
        })
    }

    /// Returns the JSON body. If the body may be left out, an empty one counts as an empty object.
    ///
    /// # Errors
    /// A refusal if it is too large, not sent as JSON, not JSON, or not of the declared form.
    pub fn body(&self) -> Result<B::Read, Refusal> {
        match B::absent() {
            Some(absent) if self.bytes()?.is_empty() => Ok(absent),
            Some(_) | None => B::read(self.event.json()?),
        }
    }
}

impl<Who, B> Deref for Request<Who, B> {
    type Target = GatewayEvent;

    fn deref(&self) -> &GatewayEvent {
        &self.event
    }
}

impl GatewayEvent {
    /// Reads an event of an API with the address `public_url`; without one, its address is the gateway's
    /// own.
    pub(crate) fn new(event: lambda_http::Request, public_url: Option<&str>) -> Self {
        let own = event
            .headers()
            .get("x-request-id")
            .and_then(|value| value.to_str().ok());
        let id = match own.filter(|text| is_sane(text)) {
            Some(own) => own.to_owned(),
            None => gateway_context(&event)
                .and_then(|context| context.request_id.clone())
                .unwrap_or_default(),
        };
        let base_url = match public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => gateway_url(&event),
        };
        Self {
            event,
            id,
            base_url,
        }
    }

    /// Returns the id of this request, for logs and answers.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the id of an earlier request that the query gives in this parameter. It is empty if there is
    /// none, or if it has a form that no log should contain.
    #[must_use]
    pub fn id_given(&self, parameter: &str) -> String {
        let given = self.query_value(parameter);
        given.filter(|text| is_sane(text)).unwrap_or_default()
    }

    /// Returns whether the client asks only for the head of the answer.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.event.method() == ::http::Method::HEAD
    }

    /// Returns the value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.event
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    /// Returns the address that the request comes from, as the gateway saw it. No header can change it.
    #[must_use]
    pub fn source(&self) -> Source {
        let context = gateway_context(&self.event);
        let address = context.and_then(|context| context.identity.source_ip.as_deref());
        Source::parse(address.unwrap_or_default())
    }

    /// Returns the caller as the authorizer established them; `None` if the route needs no credential.
    fn caller(&self) -> Option<Caller> {
        let fields = &gateway_context(&self.event)?.authorizer.fields;
        let field = |name: &str| fields.get(name).and_then(|value| value.as_str());
        let shown = field("shown")?;
        let scopes = field("scopes").unwrap_or_default().split(' ');
        let credential = match (SessionId::parse(shown), KeyId::parse(shown)) {
            (Some(session), _) => Credential::Session(session),
            (None, Some(id)) => Credential::Key {
                id,
                scopes: scopes.filter_map(Scope::parse).collect(),
                capped: field("capped") != Some("false"),
            },
            (None, None) => return None,
        };
        Some(Caller {
            user: field("principalId").and_then(UserId::parse)?,
            plan: field("plan").and_then(Plan::parse)?,
            email_verified: field("email_verified") == Some("true"),
            is_admin: field("is_admin") == Some("true"),
            credential,
        })
    }

    /// Returns the gateway's resource of the request, such as `/generations/{generation_id}`.
    fn resource(&self) -> &str {
        let context = gateway_context(&self.event);
        let resource = context.and_then(|context| context.resource_path.as_deref());
        resource.unwrap_or_default()
    }

    /// Reads a path parameter as an id. A malformed id is reported as not found.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] if it is malformed.
    pub fn path<Id>(
        &self,
        name: &str,
        noun: &'static str,
        parse: impl FnOnce(&str) -> Option<Id>,
    ) -> Result<Id, Refusal> {
        let parameters = self.event.path_parameters_ref();
        let text = parameters
            .and_then(|parameters| parameters.first(name))
            .unwrap_or_default();
        parse(text).ok_or(Refusal::NotFound(noun))
    }

    /// Returns the last segment of the path, for routes that the template lists one by one.
    #[must_use]
    pub fn last_segment(&self) -> &str {
        self.event
            .uri()
            .path()
            .rsplit('/')
            .next()
            .unwrap_or_default()
    }

    /// Returns the query parameters, to be checked.
    #[must_use]
    pub fn query(&self) -> Query {
        let pairs = self.event.query_string_parameters_ref().map(|parameters| {
            parameters
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        });
        Query::new(pairs.unwrap_or_default())
    }

    /// Returns the value of one query parameter, for addresses that we made ourselves.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<String> {
        self.event
            .query_string_parameters_ref()
            .and_then(|parameters| parameters.first(name))
            .map(str::to_owned)
    }

    /// Returns the body, byte for byte.
    ///
    /// # Errors
    /// [`Refusal::PayloadTooLarge`] if it is larger than allowed.
    pub fn bytes(&self) -> Result<&[u8], Refusal> {
        let bytes: &[u8] = self.event.body();
        if bytes.len() > BODY_BYTES_MAX {
            return Err(Refusal::PayloadTooLarge {
                limit_bytes: BODY_BYTES_MAX,
            });
        }
        Ok(bytes)
    }

    /// Returns the bytes of a body that was sent as JSON.
    fn json(&self) -> Result<&[u8], Refusal> {
        let bytes = self.bytes()?;
        self.check_encoding()?;
        let content_type = self.header("content-type").unwrap_or("application/json");
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        let is_json = media_type.eq_ignore_ascii_case("application/json")
            || (media_type.starts_with("application/") && media_type.ends_with("+json"));
        if is_json {
            Ok(bytes)
        } else {
            Err(Refusal::UnsupportedMediaType)
        }
    }

    /// Refuses compressed bodies: a small one could become a large one.
    fn check_encoding(&self) -> Result<(), Refusal> {
        let encoding = self.header("content-encoding").unwrap_or_default().trim();
        if encoding.is_empty() || encoding.eq_ignore_ascii_case("identity") {
            return Ok(());
        }
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || ", -".contains(*c);
        let named = encoding.chars().filter(is_plain).take(ENCODING_CHARS_MAX);
        Err(Refusal::UnsupportedEncoding(named.collect()))
    }

    /// Returns the `Idempotency-Key`, if there is one.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is empty, too long or not printable ASCII.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Refusal> {
        let Some(value) = self.event.headers().get("idempotency-key") else {
            return Ok(None);
        };
        match value.to_str().ok().and_then(IdempotencyKey::parse) {
            Some(key) => Ok(Some(key)),
            None => Err(Refusal::field(
                "Idempotency-Key",
                FieldCode::Malformed,
                "must be 1 to 255 printable ASCII characters",
            )),
        }
    }

    /// Returns the time that the client would like to wait (`Prefer: wait=N`, RFC 7240), at most 25
    /// seconds. A preference that is not understood is ignored, as that RFC says.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        let preferences = self.header("prefer")?.split(',').map(str::trim);
        let wait = preferences
            .filter_map(|preference| preference.strip_prefix("wait="))
            .next()?;
        let seconds: u64 = wait
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .trim_matches('"')
            .parse()
            .ok()?;
        (seconds > 0).then(|| Duration::from_secs(seconds).min(WAIT_MAX))
    }

    /// Returns the address at which clients reach the API, such as `https://api.example.org/v1`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

/// Returns what the gateway says about a request; `None` if it did not come through a REST API.
fn gateway_context(event: &lambda_http::Request) -> Option<&ApiGatewayProxyRequestContext> {
    let Some(RequestContext::ApiGatewayV1(context)) = event.request_context_ref() else {
        return None;
    };
    Some(context)
}

/// Returns the API's address as the gateway gives it. The part of the path before the resource is the
/// stage, or the base path of a custom domain.
fn gateway_url(event: &lambda_http::Request) -> String {
    let Some(context) = gateway_context(event) else {
        return String::new();
    };
    let scheme = event.headers().get("x-forwarded-proto");
    let scheme = scheme.and_then(|value| value.to_str().ok());
    let resource = context.resource_path.as_deref().unwrap_or_default();
    let path = context.path.as_deref().unwrap_or_default();
    format!(
        "{}://{}{}",
        scheme.unwrap_or("https"),
        context.domain_name.as_deref().unwrap_or_default(),
        before(path, resource)
    )
}

/// Returns the part of `path` before the segments that belong to `resource`.
fn before<'a>(path: &'a str, resource: &str) -> &'a str {
    let count = |path: &str| {
        path.split('/')
            .filter(|segment| !segment.is_empty())
            .count()
    };
    let mut left = path.trim_end_matches('/');
    for _ in 0..count(resource) {
        left = left.rsplit_once('/').map_or("", |(left, _)| left);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::before;

    #[test]
    fn the_api_begins_where_the_resource_does() {
        for (path, resource, expected) in [
            ("/v1/models/veo3", "/models/{model}", "/v1"),
            ("/v1/", "/", "/v1"),
            ("/v1", "/", "/v1"),
            ("/of-a-domain/models", "/models", "/of-a-domain"),
            ("/models", "/models", ""),
            ("/models", "/models/{model}", ""),
        ] {
            assert_eq!(before(path, resource), expected, "{path} {resource}");
        }
    }
}
