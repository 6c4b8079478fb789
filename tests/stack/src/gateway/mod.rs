//! API Gateway's REST API, as far as a Lambda proxy needs it.
//!
//! Owns the way of a request: route, authorizer, throttle, function, answer. Refuses to know how
//! functions are run.

mod authorizer;
mod call;
mod error;
mod event;
mod plans;
mod policy;
mod reply;
mod responses;
mod routes;
mod throttle;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fakeaws::ApiKeys;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Request, StatusCode};

use self::authorizer::Authorizer;
use self::call::Call;
pub use self::error::GatewayError;
pub use self::event::Identity;
use self::event::Routed;
use self::plans::Plans;
use self::policy::Grant;
use self::responses::{Known, Responses};
use self::routes::Router;
use self::throttle::Bucket;
use crate::Error;
use crate::http::{self, Answer, BodyError};
use crate::log::{End, Sink};
use crate::runtime::{Failure, Pool};
use crate::template::api::{Api, KeySource, Preflight, Throttle};
use crate::template::plans::UsagePlan;

/// AWS's bound on a request at the gateway.
const REQUEST_SIZE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// AWS's bound on a synchronous event.
const EVENT_SIZE_BYTES_MAX: usize = 6_291_556;

/// The API, ready to serve.
pub struct Gateway {
    identity: Identity,
    stage: String,
    router: Router,
    routes: Vec<Route>,
    plans: Plans,
    key_source: KeySource,
    responses: Responses,
    binary_media_types: Vec<String>,
    log: Sink,
}

/// The findings on the way of a request, for the gateway's own answers and for the log.
#[derive(Default)]
struct Learned<'s> {
    resource_path: Option<&'s str>,
    grant: Option<Arc<Grant>>,
    function: Option<&'s str>,
}

struct Route {
    path: String,
    target: Target,
    authorizer: Option<Arc<Authorizer>>,
    key_required: bool,
    bucket: Option<Arc<Bucket>>,
}

/// The part of the cloud that answers a route.
enum Target {
    /// A function, and the time that the gateway waits for it.
    Function(Arc<Pool>, Duration),
    /// The gateway itself, for a preflight.
    Preflight(HeaderMap),
}

impl Gateway {
    /// Ties an API to the functions that serve it.
    pub fn new(
        api: &Api,
        functions: &[Arc<Pool>],
        (plans, keys): (&[UsagePlan], ApiKeys),
        identity: Identity,
        (throttle, log): (bool, Sink),
    ) -> Result<Self, Error> {
        let authorizers: Vec<Arc<Authorizer>> = api
            .authorizers
            .iter()
            .map(|known| {
                let function = Arc::clone(&functions[known.function]);
                Arc::new(Authorizer::new(function, known.headers.clone(), known.keep))
            })
            .collect();
        let now = Instant::now();
        let buckets: Vec<(&Throttle, Arc<Bucket>)> = api
            .throttles
            .iter()
            .filter(|_| throttle)
            .map(|throttle| {
                (
                    throttle,
                    Arc::new(Bucket::new(throttle.rate, throttle.burst, now)),
                )
            })
            .collect();
        let routes = api.routes.iter().map(|route| Route {
            path: route.path.clone(),
            target: Target::Function(Arc::clone(&functions[route.function]), route.timeout),
            authorizer: route
                .authorizer
                .map(|position| Arc::clone(&authorizers[position])),
            key_required: route.key_required,
            bucket: bucket(&buckets, &route.method, &route.path),
        });
        let preflights = api.preflights.iter().map(|preflight| Route {
            path: preflight.path.clone(),
            target: Target::preflight(preflight),
            authorizer: None,
            key_required: false,
            bucket: bucket(&buckets, "OPTIONS", &preflight.path),
        });
        let served = api
            .routes
            .iter()
            .map(|route| (route.method.as_str(), route.path.as_str()));
        let asked_first = api
            .preflights
            .iter()
            .map(|preflight| ("OPTIONS", preflight.path.as_str()));
        Ok(Self {
            identity,
            stage: api.stage.clone(),
            router: Router::new(served.chain(asked_first))?,
            routes: routes.chain(preflights).collect(),
            plans: Plans::new(plans, keys, throttle),
            key_source: api.key_source,
            responses: Responses::new(&api.responses)?,
            binary_media_types: api.binary_media_types.clone(),
            log,
        })
    }

    /// Forgets the authorizers' answers.
    pub fn forget_callers(&self) {
        for authorizer in self
            .routes
            .iter()
            .filter_map(|route| route.authorizer.as_ref())
        {
            authorizer.forget();
        }
    }

    /// Whether there is a route for a request.
    pub fn serves(&self, method: &str, path: &str) -> bool {
        self.router.find(method, path).is_some()
    }

    /// Answers one request. It first reads the body to the end, even for a refusal: unread bytes would break
    /// the connection under a client that is still sending.
    pub async fn serve(&self, peer: SocketAddr, request: Request<Incoming>) -> Answer {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let body = http::body(body, REQUEST_SIZE_BYTES_MAX).await;
        let path = parts.uri.path();
        let rest = path
            .strip_prefix('/')
            .and_then(|path| path.strip_prefix(&self.stage));
        let path = match rest {
            Some("") => "/".to_owned(),
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            Some(_) | None => return wrong_stage(),
        };
        let call = Call::new(&parts, peer, &self.stage, &path);
        let mut learned = Learned::default();
        let outcome = match call::check_head(&parts) {
            Err(error) => Err(error),
            Ok(()) => self.route(&call, &parts.headers, body, &mut learned).await,
        };
        let mut answer = outcome.unwrap_or_else(|error| {
            self.responses.answer(
                error,
                Known {
                    call: &call,
                    resource_path: learned.resource_path,
                    grant: learned.grant.as_deref(),
                },
            )
        });
        self.log.happened(
            &format!("{} {}", parts.method, parts.uri.path()),
            End::Status(answer.status().as_u16()),
            started.elapsed(),
            learned.function.unwrap_or("the gateway itself"),
        );
        let headers = answer.headers_mut();
        for (name, text) in [
            ("x-amzn-requestid", &call.request_id),
            ("x-amz-apigw-id", &call.extended_request_id),
        ] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        answer
    }

    /// Takes the steps of a request, in the order of AWS. Findings go to `learned`, for the gateway's own
    /// answers.
    async fn route<'s>(
        &'s self,
        call: &Call,
        headers: &HeaderMap,
        body: Result<Bytes, BodyError>,
        learned: &mut Learned<'s>,
    ) -> Result<Answer, GatewayError> {
        let found = self.router.find(&call.method, &call.path);
        let found = found.ok_or(GatewayError::MissingAuthenticationToken)?;
        let route = &self.routes[found.route];
        learned.resource_path = Some(&route.path);
        let routed = Routed {
            call,
            resource: &route.path,
            parameters: &found.parameters,
            identity: &self.identity,
        };
        if let Some(authorizer) = &route.authorizer {
            learned.grant = Some(authorizer.authorize(routed).await?);
        }
        let now = Instant::now();
        if route.key_required {
            let value = match self.key_source {
                KeySource::Header => call.header("x-api-key"),
                KeySource::Authorizer => {
                    let grant = learned.grant.as_ref();
                    grant.and_then(|grant| grant.usage_key.as_deref())
                }
            };
            self.plans.admit(value, &call.method, &route.path, now)?;
        }
        if route
            .bucket
            .as_ref()
            .is_some_and(|bucket| !bucket.take(now))
        {
            return Err(GatewayError::Throttled);
        }
        let body = body.map_err(|error| match error {
            BodyError::TooLarge => GatewayError::RequestTooLarge,
            BodyError::Broken => GatewayError::BrokenBody,
        })?;
        let (function, timeout) = match &route.target {
            Target::Function(function, timeout) => (function, *timeout),
            Target::Preflight(headers) => return Ok(preflight(headers)),
        };
        let binary = self.is_binary(media_type(headers.get(CONTENT_TYPE)));
        learned.function = Some(function.name());
        let event = event::proxy(routed, learned.grant.as_deref(), &body, binary);
        if event.len() > EVENT_SIZE_BYTES_MAX {
            return Err(GatewayError::RequestTooLarge);
        }
        let output = integrate(function, timeout, event).await?;
        reply::read(&output, self.is_binary(media_type(headers.get(ACCEPT))))
    }

    /// Whether bodies of a media type travel as base64.
    fn is_binary(&self, media_type: Option<&str>) -> bool {
        self.binary_media_types.iter().any(|known| {
            let main_type = known.strip_suffix("/*");
            known == "*/*"
                || media_type.is_some_and(|media_type| {
                    media_type == known
                        || main_type.is_some_and(|main_type| {
                            media_type.split('/').next() == Some(main_type)
                        })
                })
        })
    }
}

impl Target {
    fn preflight(preflight: &Preflight) -> Self {
        let headers = preflight.headers.iter().filter_map(|(name, value)| {
            Some((
                HeaderName::from_static(name),
                HeaderValue::from_str(value).ok()?,
            ))
        });
        Self::Preflight(headers.collect())
    }
}

/// Answers like the mock that SAM puts behind OPTIONS.
fn preflight(headers: &HeaderMap) -> Answer {
    let mut answer = http::empty(StatusCode::OK);
    answer.headers_mut().extend(headers.clone());
    let json = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(CONTENT_TYPE, json);
    answer
}

/// Calls the function behind a route.
async fn integrate(
    function: &Arc<Pool>,
    timeout: Duration,
    event: Vec<u8>,
) -> Result<Bytes, GatewayError> {
    let invocation = function.invoke(Bytes::from(event));
    match tokio::time::timeout(timeout, invocation).await {
        Err(_) => Err(GatewayError::IntegrationTimeout),
        Ok(Ok(output)) => Ok(output),
        Ok(Err(Failure::Function(_) | Failure::Stopping)) => Err(GatewayError::MalformedAnswer),
        Ok(Err(Failure::Throttled)) => Err(GatewayError::IntegrationFailure),
    }
}

/// The bucket of a route: the one for exactly this route, or else the most particular that covers it.
fn bucket(buckets: &[(&Throttle, Arc<Bucket>)], method: &str, path: &str) -> Option<Arc<Bucket>> {
    let choices = [(path, method), (path, "*"), ("/*", method), ("/*", "*")];
    let found = choices.iter().find_map(|(path, method)| {
        buckets
            .iter()
            .find(|(throttle, _)| throttle.path == *path && throttle.method == *method)
    });
    found.map(|(_, bucket)| Arc::clone(bucket))
}

/// The first media type of a header, without its parameters.
fn media_type(header: Option<&HeaderValue>) -> Option<&str> {
    let text = header?.to_str().ok()?;
    text.split([',', ';']).next().map(str::trim)
}

/// AWS's answer to a path that does not begin with a stage.
fn wrong_stage() -> Answer {
    let mut answer = http::json(
        StatusCode::FORBIDDEN,
        &serde_json::json!({ "message": "Forbidden" }),
    );
    let error_type = HeaderValue::from_static("ForbiddenException");
    answer.headers_mut().insert("x-amzn-errortype", error_type);
    answer
}
