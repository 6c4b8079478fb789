//! The routes that `DefinitionBody` spells out in OpenAPI, with API Gateway's own extension.
//!
//! Owns the form of a route: its function, and the role that calls it. Refuses the routes that SAM would make
//! of the functions' events.

use std::time::Duration;

use serde_json::Value;

use super::fields::Fields;
use super::functions::{ApiEvent, Function};
use super::policies::Role;
use super::resources::Place;
use crate::Error;

/// The service that calls functions for the API.
const GATEWAY: &str = "apigateway.amazonaws.com";
/// The methods that a path may have.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// A route that is not tied to its function yet.
pub struct RawRoute {
    event: ApiEvent,
    uri: String,
    role: String,
}

/// Reads the routes of a `DefinitionBody`.
pub fn read(mut body: Fields) -> Result<Vec<RawRoute>, Error> {
    body.accept(&["info"]);
    if body.required_text("openapi")? != "3.0.1" {
        return Err(body.wrong("openapi", "must be 3.0.1, as OpenApiVersion is"));
    }
    let mut routes = Vec::new();
    for (path, methods) in body.object("paths")?.into_objects()? {
        if !path.starts_with('/') {
            return Err(Error::at(methods.at(), "must begin with /"));
        }
        for (method, route) in methods.into_objects()? {
            if !METHODS.contains(&method.as_str()) {
                return Err(Error::at(route.at(), "is no method"));
            }
            routes.push(RawRoute::read(route, &path, method.to_uppercase())?);
        }
    }
    body.finish()?;
    Ok(routes)
}

impl RawRoute {
    fn read(mut route: Fields, path: &str, method: String) -> Result<Self, Error> {
        route.accept(&["responses"]);
        let (authorizer, key_required) = read_security(&mut route)?;
        let mut call = route.object("x-amazon-apigateway-integration")?;
        for (name, expected) in [("type", "aws_proxy"), ("httpMethod", "POST")] {
            if call.required_text(name)? != expected {
                return Err(call.wrong(name, &format!("must be {expected}")));
            }
        }
        let uri = call.required_text("uri")?;
        let role = call.required_text("credentials")?;
        let timeout_ms = call.integer("timeoutInMillis", 50..=29_000)?;
        let timeout_ms = timeout_ms.unwrap_or(29_000).unsigned_abs();
        call.finish()?;
        let at = route.at().to_owned();
        route.finish()?;
        let event = ApiEvent {
            at,
            path: path.to_owned(),
            method,
            authorizer,
            key_required,
            timeout: Duration::from_millis(timeout_ms),
        };
        Ok(Self { event, uri, role })
    }

    /// Ties the route to its function, which its role must be allowed to call. Returns the route and the
    /// function's position.
    pub fn tie(
        self,
        functions: &[Function],
        roles: &[Role],
        place: &Place,
    ) -> Result<(ApiEvent, usize), Error> {
        let prefix = format!(
            "arn:aws:apigateway:{}:lambda:path/2015-03-31/functions/",
            place.region
        );
        let arn = self.uri.strip_prefix(&prefix);
        let arn = arn.and_then(|rest| rest.strip_suffix("/invocations"));
        let position = functions
            .iter()
            .position(|function| Some(function.arn.as_str()) == arn);
        let position = position.ok_or_else(|| {
            let must = "must call a function of the template, by its alias if it has one";
            Error::at(&self.event.at, must)
        })?;
        let role = roles.iter().find(|role| role.arn == self.role);
        let arn = arn.unwrap_or_default();
        if role.is_some_and(|role| role.lets(GATEWAY, "lambda:InvokeFunction", arn)) {
            Ok((self.event, position))
        } else {
            let must =
                "must call as a role of the template's that lets API Gateway call this function";
            Err(Error::at(&self.event.at, must))
        }
    }
}

/// Reads a method's `security`, in the words that SAM writes there: the authorizer, and whether a usage-plan
/// key is required.
fn read_security(route: &mut Fields) -> Result<(Option<String>, Option<bool>), Error> {
    let at = format!("{}.security", route.at());
    let (mut authorizer, mut key_required) = (None, None);
    for scheme in route.list("security")? {
        let Value::Object(names) = scheme else {
            return Err(Error::at(&at, "must be a list of mappings"));
        };
        for (name, scopes) in names {
            if scopes != Value::Array(Vec::new()) {
                return Err(Error::at(&at, "has scopes, which are not supported"));
            }
            match name.as_str() {
                "api_key" => key_required = Some(true),
                "api_key_false" => key_required = Some(false),
                _ => authorizer = Some(name),
            }
        }
    }
    Ok((authorizer, key_required))
}
