//! The REST API of the template: its routes, authorizers, gateway responses and throttles.
//!
//! Owns `AWS::Serverless::Api`. Refuses to know the serving of requests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fields::Fields;
use super::functions::{ApiEvent, Function};
use super::policies::Role;
use super::resources::Place;
use super::routes::{self, RawRoute};
use super::yaml::below;
use crate::Error;

/// The REST API.
#[derive(Clone, Debug)]
pub struct Api {
    /// The stage's name.
    pub stage: String,
    /// Every route that a function serves.
    pub routes: Vec<Route>,
    /// The preflights, which the gateway answers itself.
    pub preflights: Vec<Preflight>,
    /// The authorizers that routes refer to by position.
    pub authorizers: Vec<Authorizer>,
    /// The gateway's own answers, by their type.
    pub responses: BTreeMap<String, ResponseRule>,
    /// The stage's throttles.
    pub throttles: Vec<Throttle>,
    /// The source of a caller's usage-plan key.
    pub key_source: KeySource,
    /// The media types whose bodies travel as base64.
    pub binary_media_types: Vec<String>,
}

/// The source of a caller's usage-plan key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The header `x-api-key`.
    Header,
    /// The authorizer's answer.
    Authorizer,
}

impl KeySource {
    fn read(fields: &mut Fields) -> Result<Self, Error> {
        match fields.text("ApiKeySourceType")?.as_deref() {
            None | Some("HEADER") => Ok(Self::Header),
            Some("AUTHORIZER") => Ok(Self::Authorizer),
            Some(_) => Err(fields.wrong("ApiKeySourceType", "must be HEADER or AUTHORIZER")),
        }
    }
}

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method in capitals, or `ANY`.
    pub method: String,
    /// The resource's path.
    pub path: String,
    /// The function's position in the template.
    pub function: usize,
    /// The authorizer's position in the API.
    pub authorizer: Option<usize>,
    /// Whether a caller needs a usage-plan key.
    pub key_required: bool,
    /// The time that the gateway waits for an answer.
    pub timeout: Duration,
}

/// The answer to a preflight, which SAM's `Cors` adds to each path that has no OPTIONS of its own.
#[derive(Clone, Debug)]
pub struct Preflight {
    /// The resource's path.
    pub path: String,
    /// The headers of the answer.
    pub headers: Vec<(&'static str, String)>,
}

/// A Lambda authorizer of the type REQUEST.
#[derive(Clone, Debug)]
pub struct Authorizer {
    /// The function's position in the template.
    pub function: usize,
    /// The headers that identify a caller, in lower case.
    pub headers: Vec<String>,
    /// The time for which an answer is kept; zero keeps none.
    pub keep: Duration,
}

/// A rule for one of the gateway's own answers.
#[derive(Clone, Debug, Default)]
pub struct ResponseRule {
    /// The status; `None` for the type's own.
    pub status: Option<u16>,
    /// Headers and the expressions that fill them.
    pub headers: Vec<(String, String)>,
    /// Bodies by content type.
    pub templates: Vec<(String, String)>,
}

/// A throttle of the stage.
#[derive(Clone, Debug)]
pub struct Throttle {
    /// The resource's path, or `/*`.
    pub path: String,
    /// The method, or `*`.
    pub method: String,
    /// Requests a second.
    pub rate: f64,
    /// Requests at once.
    pub burst: f64,
}

/// An API whose routes are not tied to functions yet.
pub struct RawApi {
    stage: String,
    default_authorizer: Option<String>,
    authorizers: Vec<RawAuthorizer>,
    authorize_preflight: bool,
    key_required: bool,
    key_for_preflight: bool,
    key_source: KeySource,
    responses: BTreeMap<String, ResponseRule>,
    throttles: Vec<Throttle>,
    binary_media_types: Vec<String>,
    cors: Option<Cors>,
    /// The routes of `DefinitionBody`, beside which functions' own events have no effect.
    routes: Option<Vec<RawRoute>>,
    at: String,
}

/// The parts of every preflight that `Cors` sets.
struct Cors {
    origin: String,
    headers: Option<String>,
    max_age: Option<String>,
}

struct RawAuthorizer {
    name: String,
    function_arn: String,
    headers: Vec<String>,
    keep: Duration,
    at: String,
}

impl RawApi {
    /// Reads an API's properties.
    pub fn read(mut fields: Fields) -> Result<Self, Error> {
        fields.accept(&[
            "AccessLogSetting",
            "AlwaysDeploy",
            "Description",
            "EndpointConfiguration",
            "Name",
            "OpenApiVersion",
            "PropagateTags",
            "SecurityPolicy",
            "Tags",
            "TracingEnabled",
        ]);
        let stage = fields.required_text("StageName")?;
        if stage.is_empty() || !stage.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(fields.wrong("StageName", "must be a plain name"));
        }
        let mut auth = fields.object("Auth")?;
        let default_authorizer = auth.text("DefaultAuthorizer")?;
        let authorizers = auth
            .object("Authorizers")?
            .into_objects()?
            .into_iter()
            .map(|(name, fields)| RawAuthorizer::read(name, fields))
            .collect::<Result<_, _>>()?;
        let authorize_preflight = auth.boolean("AddDefaultAuthorizerToCorsPreflight")?;
        let key_required = auth.boolean("ApiKeyRequired")?.unwrap_or(false);
        let key_for_preflight = auth.boolean("AddApiKeyRequiredToCorsPreflight")?;
        auth.finish()?;
        let responses = fields
            .object("GatewayResponses")?
            .into_objects()?
            .into_iter()
            .map(|(name, fields)| Ok((name, ResponseRule::read(fields)?)))
            .collect::<Result<_, Error>>()?;
        let throttles = read_throttles(&mut fields)?;
        let binary_media_types = fields.texts("BinaryMediaTypes")?;
        let binary_media_types = binary_media_types
            .into_iter()
            .map(|media_type| media_type.replace("~1", "/"));
        let key_source = KeySource::read(&mut fields)?;
        let at = below(fields.at(), "Cors");
        let cors = fields
            .take("Cors")
            .map(|cors| Cors::read(Fields::of(cors, at)?));
        let cors = cors.transpose()?;
        let at = below(fields.at(), "DefinitionBody");
        let body = fields.take("DefinitionBody");
        let routes = body.map(|body| routes::read(Fields::of(body, at)?));
        let routes = routes.transpose()?;
        let at = fields.at().to_owned();
        fields.finish()?;
        Ok(Self {
            routes,
            stage,
            default_authorizer,
            authorizers,
            authorize_preflight: authorize_preflight.unwrap_or(true),
            key_required,
            key_for_preflight: key_for_preflight.unwrap_or(true),
            key_source,
            responses,
            throttles,
            binary_media_types: binary_media_types.collect(),
            cors,
            at,
        })
    }

    /// Ties the API to the functions that its routes and authorizers call.
    pub fn tie(
        mut self,
        functions: &[Function],
        roles: &[Role],
        place: &Place,
    ) -> Result<Api, Error> {
        let authorizers = self
            .authorizers
            .iter()
            .map(|raw| raw.tie(functions))
            .collect::<Result<Vec<_>, _>>()?;
        let mut events = Vec::new();
        let body = self.routes.take();
        for (position, function) in functions.iter().enumerate() {
            for event in &function.api_events {
                if body.is_some() {
                    let reason = "does nothing beside DefinitionBody: write the route there";
                    return Err(Error::at(&event.at, reason));
                }
                events.push((event.clone(), position));
            }
        }
        for route in body.into_iter().flatten() {
            events.push(route.tie(functions, roles, place)?);
        }
        let mut routes = Vec::new();
        let mut seen = BTreeSet::new();
        for (event, position) in events {
            if !seen.insert((event.path.clone(), event.method.clone())) {
                let reason = format!(
                    "serves {} {}, which is served already",
                    event.method, event.path
                );
                return Err(Error::at(&event.at, &reason));
            }
            routes.push(self.route(&event, position)?);
        }
        self.check_throttles(&routes)?;
        let preflights = self
            .cors
            .as_ref()
            .map_or_else(Vec::new, |cors| cors.preflights(&routes));
        Ok(Api {
            stage: self.stage,
            routes,
            preflights,
            authorizers,
            responses: self.responses,
            throttles: self.throttles,
            key_source: self.key_source,
            binary_media_types: self.binary_media_types,
        })
    }

    fn route(&self, event: &ApiEvent, function: usize) -> Result<Route, Error> {
        let preflight = event.method == "OPTIONS";
        let default = self.default_authorizer.as_deref();
        let name = match event.authorizer.as_deref() {
            Some("NONE") => None,
            Some(name) => Some(name),
            None => default.filter(|_| !preflight || self.authorize_preflight),
        };
        let authorizer = name
            .map(|name| {
                let position = self.authorizers.iter().position(|raw| raw.name == name);
                position.ok_or_else(|| {
                    Error::at(&event.at, &format!("names the unknown authorizer {name}"))
                })
            })
            .transpose()?;
        Ok(Route {
            method: event.method.clone(),
            path: event.path.clone(),
            function,
            authorizer,
            // As in SAM, a preflight needs a key only if `AddApiKeyRequiredToCorsPreflight` is set, even if
            // its event asks for one.
            key_required: event.key_required.unwrap_or(self.key_required)
                && (!preflight || self.key_for_preflight),
            timeout: event.timeout,
        })
    }

    /// Refuses a throttle on a route that does not exist: it would protect nothing.
    fn check_throttles(&self, routes: &[Route]) -> Result<(), Error> {
        for throttle in &self.throttles {
            let matches = |route: &Route| {
                (throttle.path == "/*" || throttle.path == route.path)
                    && (throttle.method == "*" || throttle.method == route.method)
            };
            if !routes.iter().any(matches) {
                let at = format!("{}.MethodSettings", self.at);
                let reason = format!(
                    "throttles {} {}, which is no route",
                    throttle.method, throttle.path
                );
                return Err(Error::at(&at, &reason));
            }
        }
        Ok(())
    }
}

impl Cors {
    fn read(mut fields: Fields) -> Result<Self, Error> {
        let cors = Self {
            origin: static_value(&mut fields, "AllowOrigin")?
                .ok_or_else(|| fields.missing("AllowOrigin"))?,
            headers: static_value(&mut fields, "AllowHeaders")?,
            max_age: static_value(&mut fields, "MaxAge")?,
        };
        fields.finish()?;
        Ok(cors)
    }

    /// Makes the preflight of each path. As in SAM, it names the path's methods in alphabetical order,
    /// OPTIONS included.
    fn preflights(&self, routes: &[Route]) -> Vec<Preflight> {
        let mut methods: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for route in routes {
            methods
                .entry(&route.path)
                .or_default()
                .insert(&route.method);
        }
        methods.retain(|_, methods| !methods.contains("ANY") && methods.insert("OPTIONS"));
        let of_path = |(path, methods): (&str, BTreeSet<&str>)| {
            let methods: Vec<_> = methods.into_iter().collect();
            let headers = [
                ("access-control-allow-origin", Some(self.origin.clone())),
                ("access-control-allow-methods", Some(methods.join(","))),
                ("access-control-allow-headers", self.headers.clone()),
                ("access-control-max-age", self.max_age.clone()),
            ];
            let headers = headers
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)));
            Preflight {
                path: path.to_owned(),
                headers: headers.collect(),
            }
        };
        methods.into_iter().map(of_path).collect()
    }
}

/// Reads a header's value, which API Gateway requires in quotes of its own.
fn static_value(fields: &mut Fields, name: &str) -> Result<Option<String>, Error> {
    let Some(text) = fields.text(name)? else {
        return Ok(None);
    };
    let inner = text
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''));
    match inner {
        Some(inner) if !inner.is_empty() => Ok(Some(inner.to_owned())),
        Some(_) | None => Err(fields.wrong(name, "must be text between single quotes")),
    }
}

impl RawAuthorizer {
    fn read(name: String, mut fields: Fields) -> Result<Self, Error> {
        fields.accept(&["DisableFunctionDefaultPermissions", "FunctionInvokeRole"]);
        let payload = fields.required_text("FunctionPayloadType")?;
        if payload != "REQUEST" {
            return Err(fields.wrong("FunctionPayloadType", "must be REQUEST"));
        }
        let function_arn = fields.required_text("FunctionArn")?;
        let mut identity = fields.object("Identity")?;
        let headers = identity.texts("Headers")?;
        let keep_s = identity
            .integer("ReauthorizeEvery", 0..=3_600)?
            .unwrap_or(300);
        identity.finish()?;
        if headers.is_empty() && keep_s > 0 {
            return Err(fields.wrong("Identity", "needs Headers unless ReauthorizeEvery is 0"));
        }
        let at = fields.at().to_owned();
        fields.finish()?;
        Ok(Self {
            name,
            function_arn,
            headers: headers.iter().map(|header| header.to_lowercase()).collect(),
            keep: Duration::from_secs(keep_s.unsigned_abs()),
            at,
        })
    }

    fn tie(&self, functions: &[Function]) -> Result<Authorizer, Error> {
        let function = functions
            .iter()
            .position(|function| function.arn == self.function_arn);
        let function = function.ok_or_else(|| {
            Error::at(
                &self.at,
                "must name a function of the template, and its alias if it has one",
            )
        })?;
        Ok(Authorizer {
            function,
            headers: self.headers.clone(),
            keep: self.keep,
        })
    }
}

impl ResponseRule {
    fn read(mut fields: Fields) -> Result<Self, Error> {
        let status = fields.integer("StatusCode", 200..=599)?;
        let mut parameters = fields.object("ResponseParameters")?;
        let headers = parameters.object("Headers")?.into_texts()?;
        parameters.finish()?;
        let templates = fields.object("ResponseTemplates")?.into_texts()?;
        fields.finish()?;
        let status = status.and_then(|status| u16::try_from(status).ok());
        Ok(Self {
            status,
            headers,
            templates,
        })
    }
}

fn read_throttles(fields: &mut Fields) -> Result<Vec<Throttle>, Error> {
    let at = format!("{}.MethodSettings", fields.at());
    let mut throttles = Vec::new();
    for (index, setting) in fields.list("MethodSettings")?.into_iter().enumerate() {
        let mut setting = Fields::of(setting, format!("{at}[{index}]"))?;
        setting.accept(&["DataTraceEnabled", "LoggingLevel", "MetricsEnabled"]);
        let path = setting.required_text("ResourcePath")?;
        let method = setting.required_text("HttpMethod")?.to_uppercase();
        let rate = setting.number("ThrottlingRateLimit")?;
        let burst = setting.number("ThrottlingBurstLimit")?;
        match (rate, burst) {
            (Some(rate), Some(burst)) => {
                let Some(path) = plain_path(&path) else {
                    let wrong = "must have its slashes, but for the first, written as ~1";
                    return Err(setting.wrong("ResourcePath", wrong));
                };
                throttles.push(Throttle {
                    path,
                    method,
                    rate,
                    burst,
                });
            }
            (None, None) => {}
            (Some(_), None) => return Err(setting.missing("ThrottlingBurstLimit")),
            (None, Some(_)) => return Err(setting.missing("ThrottlingRateLimit")),
        }
        setting.finish()?;
    }
    Ok(throttles)
}

/// Reads a path whose slashes are written as `~1`: `/~1auth~1login`. CloudFormation does not know a plain
/// path
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-stage-methodsetting.html>).
fn plain_path(path: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?;
    match rest {
        "*" => Some(path.to_owned()),
        _ => (rest.starts_with("~1") && !rest.contains('/')).then(|| rest.replace("~1", "/")),
    }
}
