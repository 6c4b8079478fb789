//! The gateway's own answers: AWS's by default, and the template's where it has a rule.
//!
//! Owns their types, statuses, bodies and headers. Refuses to know when one is due.

use std::collections::BTreeMap;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::GatewayError;
use super::call::Call;
use super::policy::Grant;
use crate::Error;
use crate::http::Answer;
use crate::template::api::ResponseRule;

/// The answers that a template may change, as AWS names them.
const TYPES: [&str; 21] = [
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
];

/// The template's answers, ready to be filled in.
#[derive(Debug)]
pub struct Responses {
    rules: BTreeMap<String, Rule>,
}

#[derive(Debug)]
struct Rule {
    status: Option<StatusCode>,
    headers: Vec<(HeaderName, Source)>,
    template: Option<(HeaderValue, Vec<Piece>)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Variable(Variable),
}

/// The source of a header's value.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    Text(String),
    Context(Variable),
    RequestHeader(String),
}

#[derive(Debug, PartialEq, Eq)]
enum Variable {
    ErrorMessage,
    ErrorMessageString,
    ErrorResponseType,
    RequestId,
    ExtendedRequestId,
    HttpMethod,
    Path,
    ResourcePath,
    Stage,
    Protocol,
    DomainName,
    RequestTime,
    RequestTimeEpoch,
    SourceIp,
    UserAgent,
    Authorizer(String),
}

/// The facts about a request from which an answer is filled in.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// The request.
    pub call: &'a Call,
    /// The path of the resource that serves it, if one was found.
    pub resource_path: Option<&'a str>,
    /// The authorizer's answer, if it was asked.
    pub grant: Option<&'a Grant>,
}

impl Responses {
    /// Reads the template's rules.
    pub fn new(rules: &BTreeMap<String, ResponseRule>) -> Result<Self, Error> {
        let mut compiled = BTreeMap::new();
        for (name, rule) in rules {
            let at = format!("GatewayResponses.{name}");
            if !TYPES.contains(&name.as_str()) {
                return Err(Error::at(&at, "is no type of gateway response"));
            }
            compiled.insert(name.clone(), Rule::new(rule, &at)?);
        }
        Ok(Self { rules: compiled })
    }

    /// Answers a request that the gateway refuses.
    pub fn answer(&self, error: GatewayError, known: Known<'_>) -> Answer {
        let rule = error.type_name().and_then(|name| self.rules.get(name));
        let default = if error.status().is_server_error() {
            "DEFAULT_5XX"
        } else {
            "DEFAULT_4XX"
        };
        let rule = rule.or_else(|| self.rules.get(default));
        let status = rule.and_then(|rule| rule.status);
        let status = status.unwrap_or_else(|| error.status());
        let (content_type, body) = match rule.and_then(|rule| rule.template.as_ref()) {
            Some((content_type, pieces)) => {
                let body: String = pieces
                    .iter()
                    .map(|piece| piece.fill(error, known))
                    .collect();
                (content_type.clone(), body)
            }
            None => {
                let key = error.message_field();
                let message = quoted(error.message());
                (
                    HeaderValue::from_static("application/json"),
                    format!("{{\"{key}\":{message}}}"),
                )
            }
        };
        let mut answer = Response::new(Full::new(Bytes::from(body)));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert("content-type", content_type);
        headers.insert(
            "x-amzn-errortype",
            HeaderValue::from_static(error.error_type()),
        );
        for (name, source) in rule.map(|rule| rule.headers.as_slice()).unwrap_or_default() {
            let value = source
                .fill(error, known)
                .and_then(|text| HeaderValue::from_str(&text).ok());
            if let Some(value) = value {
                headers.insert(name.clone(), value);
            }
        }
        answer
    }
}

impl Rule {
    fn new(rule: &ResponseRule, at: &str) -> Result<Self, Error> {
        let status = rule
            .status
            .and_then(|status| StatusCode::from_u16(status).ok());
        let mut headers = Vec::new();
        for (name, source) in &rule.headers {
            let at = format!("{at}.ResponseParameters.Headers.{name}");
            let header = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| Error::at(&at, "is no header's name"))?;
            headers.push((header, Source::parse(source, &at)?));
        }
        let json = rule
            .templates
            .iter()
            .find(|(content_type, _)| content_type == "application/json");
        let template = match json.or_else(|| rule.templates.first()) {
            None => None,
            Some((content_type, text)) => {
                let at = format!("{at}.ResponseTemplates.{content_type}");
                let value = HeaderValue::from_str(content_type)
                    .map_err(|_| Error::at(&at, "is no content type"))?;
                Some((value, parse_template(text, &at)?))
            }
        };
        Ok(Self {
            status,
            headers,
            template,
        })
    }
}

impl Source {
    fn parse(text: &str, at: &str) -> Result<Self, Error> {
        if let Some(text) = text
            .strip_prefix('\'')
            .and_then(|text| text.strip_suffix('\''))
        {
            return Ok(Self::Text(text.to_owned()));
        }
        if let Some(name) = text.strip_prefix("method.request.header.") {
            return Ok(Self::RequestHeader(name.to_lowercase()));
        }
        let variable = text.strip_prefix("context.").and_then(Variable::parse);
        variable.map(Self::Context).ok_or_else(|| {
            Error::at(
                at,
                "must be 'text', context.NAME or method.request.header.NAME",
            )
        })
    }

    fn fill(&self, error: GatewayError, known: Known<'_>) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Context(variable) => Some(variable.fill(error, known)),
            Self::RequestHeader(name) => known.call.header(name).map(str::to_owned),
        }
    }
}

/// Splits a template at its `$context` variables. AWS's language has more than these, and nothing else of it
/// is supported here.
fn parse_template(text: &str, at: &str) -> Result<Vec<Piece>, Error> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$context.") {
        pieces.push(Piece::Text(before.to_owned()));
        let is_name =
            |character: char| character.is_ascii_alphanumeric() || ".-_".contains(character);
        let end = after
            .find(|character| !is_name(character))
            .unwrap_or(after.len());
        let name = after[..end].trim_end_matches('.');
        let variable = Variable::parse(name).ok_or_else(|| {
            Error::at(at, &format!("uses $context.{name}, which is not supported"))
        })?;
        pieces.push(Piece::Variable(variable));
        rest = &after[name.len()..];
    }
    if rest.contains("$input") || rest.contains("$util") || rest.contains("#set") {
        return Err(Error::at(at, "may only use $context variables"));
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Ok(pieces)
}

impl Piece {
    fn fill(&self, error: GatewayError, known: Known<'_>) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Variable(variable) => variable.fill(error, known),
        }
    }
}

impl Variable {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "error.message" => Self::ErrorMessage,
            "error.messageString" => Self::ErrorMessageString,
            "error.responseType" => Self::ErrorResponseType,
            "requestId" => Self::RequestId,
            "extendedRequestId" => Self::ExtendedRequestId,
            "httpMethod" => Self::HttpMethod,
            "path" => Self::Path,
            "resourcePath" => Self::ResourcePath,
            "stage" => Self::Stage,
            "protocol" => Self::Protocol,
            "domainName" => Self::DomainName,
            "requestTime" => Self::RequestTime,
            "requestTimeEpoch" => Self::RequestTimeEpoch,
            "identity.sourceIp" => Self::SourceIp,
            "identity.userAgent" => Self::UserAgent,
            other => Self::Authorizer(other.strip_prefix("authorizer.")?.to_owned()),
        })
    }

    fn fill(&self, error: GatewayError, known: Known<'_>) -> String {
        let Known {
            call,
            resource_path,
            grant,
        } = known;
        match self {
            Self::ErrorMessage => error.message().unwrap_or("null").to_owned(),
            Self::ErrorMessageString => quoted(error.message()),
            Self::ErrorResponseType => error.type_name().unwrap_or("DEFAULT_5XX").to_owned(),
            Self::RequestId => call.request_id.clone(),
            Self::ExtendedRequestId => call.extended_request_id.clone(),
            Self::HttpMethod => call.method.clone(),
            Self::Path => call.path_with_stage(),
            Self::ResourcePath => resource_path.unwrap_or_default().to_owned(),
            Self::Stage => call.stage.clone(),
            Self::Protocol => call.protocol.to_owned(),
            Self::DomainName => call.domain_name().to_owned(),
            Self::RequestTime => call.request_time(),
            Self::RequestTimeEpoch => call.request_time_ms().to_string(),
            Self::SourceIp => call.source_ip.clone(),
            Self::UserAgent => call.header("user-agent").unwrap_or_default().to_owned(),
            Self::Authorizer(name) => match (grant, name.as_str()) {
                (None, _) => String::new(),
                (Some(grant), "principalId") => grant.principal_id.clone(),
                (Some(grant), name) => grant.context.get(name).cloned().unwrap_or_default(),
            },
        }
    }
}

/// A message as a JSON text, or `null`.
fn quoted(message: Option<&str>) -> String {
    serde_json::Value::from(message).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use hyper::Request;

    fn call() -> Call {
        let request = Request::get("/v1/models?x=1")
            .header("host", "example.com")
            .body(())
            .unwrap();
        let peer = "127.0.0.1:9".parse().unwrap();
        Call::new(&request.into_parts().0, peer, "v1", "/models")
    }

    fn rule(status: Option<u16>, headers: &[(&str, &str)], template: Option<&str>) -> ResponseRule {
        let pairs = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let templates = template.map(|text| ("application/json".to_owned(), text.to_owned()));
        ResponseRule {
            status,
            headers: headers.iter().map(pairs).collect(),
            templates: templates.into_iter().collect(),
        }
    }

    fn answer(rules: &[(&str, ResponseRule)], error: GatewayError) -> (u16, Answer, String) {
        let rules = rules
            .iter()
            .map(|(name, rule)| ((*name).to_owned(), rule.clone()))
            .collect();
        let call = call();
        let known = Known {
            call: &call,
            resource_path: Some("/models"),
            grant: None,
        };
        let answer = Responses::new(&rules).unwrap().answer(error, known);
        let (parts, body) = answer.into_parts();
        let text = futures::executor::block_on(body.collect())
            .unwrap()
            .to_bytes();
        let text = String::from_utf8(text.to_vec()).unwrap();
        (
            parts.status.as_u16(),
            Response::from_parts(parts, Full::default()),
            text,
        )
    }

    #[test]
    fn without_rules_the_answers_are_those_of_aws() {
        let cases = [
            (
                GatewayError::Throttled,
                429,
                r#"{"message":"Too Many Requests"}"#,
            ),
            (
                GatewayError::Unauthorized,
                401,
                r#"{"message":"Unauthorized"}"#,
            ),
            (
                GatewayError::MissingAuthenticationToken,
                403,
                r#"{"message":"Missing Authentication Token"}"#,
            ),
            (
                GatewayError::AuthorizerConfiguration,
                500,
                r#"{"message":null}"#,
            ),
            (
                GatewayError::IntegrationTimeout,
                504,
                r#"{"message":"Endpoint request timed out"}"#,
            ),
            (
                GatewayError::MalformedAnswer,
                502,
                r#"{"message":"Internal server error"}"#,
            ),
            (
                GatewayError::NotMentioned,
                403,
                r#"{"Message":"User is not authorized to access this resource"}"#,
            ),
        ];
        for (error, status, body) in cases {
            let (got_status, _, got_body) = answer(&[], error);
            assert_eq!((got_status, got_body.as_str()), (status, body));
        }
    }

    #[test]
    fn a_rule_changes_status_headers_and_body() {
        let template = r#"{"code":"not_found","id":"$context.requestId","was":$context.error.messageString,"path":"$context.path"}"#;
        let headers = [
            ("Content-Type", "'application/problem+json'"),
            ("X-Request-Id", "context.requestId"),
            ("X-Host", "method.request.header.Host"),
        ];
        let rules = [(
            "MISSING_AUTHENTICATION_TOKEN",
            rule(Some(404), &headers, Some(template)),
        )];
        let (status, answer, body) = answer(&rules, GatewayError::MissingAuthenticationToken);
        assert_eq!(status, 404);
        let id = answer.headers()["x-request-id"].to_str().unwrap();
        let expected = format!(
            r#"{{"code":"not_found","id":"{id}","was":"Missing Authentication Token","path":"/v1/models"}}"#
        );
        assert_eq!(body, expected);
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.headers()["x-host"], "example.com");
    }

    #[test]
    fn a_default_applies_to_every_type_without_a_rule_and_keeps_its_status() {
        let rules = [
            (
                "DEFAULT_4XX",
                rule(None, &[], Some("4 $context.error.responseType")),
            ),
            (
                "DEFAULT_5XX",
                rule(None, &[], Some("5 $context.error.message")),
            ),
        ];
        let cases = [
            (GatewayError::Throttled, 429, "4 THROTTLED"),
            (GatewayError::RequestTooLarge, 413, "4 REQUEST_TOO_LARGE"),
            (
                GatewayError::MalformedAnswer,
                502,
                "5 Internal server error",
            ),
        ];
        for (error, status, body) in cases {
            let (got_status, _, got_body) = answer(&rules, error);
            assert_eq!((got_status, got_body.as_str()), (status, body));
        }
    }

    #[test]
    fn a_rule_that_could_not_be_filled_is_refused() {
        let cases = [
            ("NO_SUCH_TYPE", rule(None, &[], None)),
            ("THROTTLED", rule(None, &[("X", "unquoted")], None)),
            ("THROTTLED", rule(None, &[("X Y", "'text'")], None)),
            ("THROTTLED", rule(None, &[], Some("$context.unheardOf"))),
            ("THROTTLED", rule(None, &[], Some("$input.body"))),
        ];
        for (name, rule) in cases {
            let rules = BTreeMap::from([(name.to_owned(), rule)]);
            assert!(Responses::new(&rules).is_err(), "{name}");
        }
    }
}
