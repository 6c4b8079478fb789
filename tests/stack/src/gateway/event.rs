//! Builds the events that functions receive: the proxy event and the authorizer's request.
//!
//! Owns their JSON. Refuses to know how a function uses them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hyper::body::Bytes;
use serde::Serialize;

use super::call::Call;
use super::policy::Grant;
use crate::encoding;

/// The pretended place of the API.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The AWS Region.
    pub region: String,
    /// The AWS account's id.
    pub account_id: String,
    /// The API's id.
    pub api_id: String,
}

impl Identity {
    /// The ARN of the method that a request calls.
    pub fn method_arn(&self, call: &Call) -> String {
        let Self {
            region,
            account_id,
            api_id,
        } = self;
        let (stage, method, path) = (&call.stage, &call.method, &call.path);
        format!("arn:aws:execute-api:{region}:{account_id}:{api_id}/{stage}/{method}{path}")
    }
}

/// A request and the route that serves it.
#[derive(Clone, Copy)]
pub struct Routed<'a> {
    /// The request.
    pub call: &'a Call,
    /// The resource's path.
    pub resource: &'a str,
    /// The path parameters.
    pub parameters: &'a [(String, String)],
    /// The API.
    pub identity: &'a Identity,
}

type Single<'a> = BTreeMap<&'a str, &'a str>;
type Multiple<'a> = &'a BTreeMap<String, Vec<String>>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    event_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method_arn: Option<String>,
    resource: &'a str,
    path: &'a str,
    http_method: &'a str,
    headers: Option<Single<'a>>,
    multi_value_headers: Option<Multiple<'a>>,
    query_string_parameters: Option<Single<'a>>,
    multi_value_query_string_parameters: Option<Multiple<'a>>,
    path_parameters: Option<Single<'a>>,
    stage_variables: Option<()>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Option<Cow<'a, str>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_base64_encoded: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'a str,
    api_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<BTreeMap<&'a str, Cow<'a, str>>>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    extended_request_id: &'a str,
    http_method: &'a str,
    identity: Caller<'a>,
    path: String,
    protocol: &'a str,
    request_id: &'a str,
    request_time: String,
    request_time_epoch: i64,
    resource_id: &'a str,
    resource_path: &'a str,
    stage: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Caller<'a> {
    access_key: Option<()>,
    account_id: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<&'a str>,
    caller: Option<()>,
    cognito_authentication_provider: Option<()>,
    cognito_authentication_type: Option<()>,
    cognito_identity_id: Option<()>,
    cognito_identity_pool_id: Option<()>,
    principal_org_id: Option<()>,
    source_ip: &'a str,
    user: Option<()>,
    user_agent: Option<&'a str>,
    user_arn: Option<()>,
}

/// The event of a function behind a route.
pub fn proxy(routed: Routed<'_>, grant: Option<&Grant>, body: &Bytes, binary: bool) -> Vec<u8> {
    let text = match (body.is_empty(), binary) {
        (true, _) => None,
        (false, true) => Some(Cow::Owned(encoding::base64(body))),
        (false, false) => Some(String::from_utf8_lossy(body)),
    };
    let is_base64_encoded = Some(binary && text.is_some());
    write(&Event {
        body: Some(text),
        is_base64_encoded,
        ..common(routed, grant)
    })
}

/// The event of a REQUEST authorizer.
pub fn authorize(routed: Routed<'_>) -> Vec<u8> {
    write(&Event {
        event_type: Some("REQUEST"),
        method_arn: Some(routed.identity.method_arn(routed.call)),
        ..common(routed, None)
    })
}

/// Writes an event. The structures are our own and hold nothing that JSON cannot.
fn write(event: &Event<'_>) -> Vec<u8> {
    serde_json::to_vec(event).unwrap_or_default()
}

fn common<'a>(routed: Routed<'a>, grant: Option<&'a Grant>) -> Event<'a> {
    let Routed {
        call,
        resource,
        parameters,
        identity: _,
    } = routed;
    let parameters: Single<'a> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    Event {
        event_type: None,
        method_arn: None,
        resource,
        path: &call.path,
        http_method: &call.method,
        headers: single(&call.headers),
        multi_value_headers: multiple(&call.headers),
        query_string_parameters: single(&call.query),
        multi_value_query_string_parameters: multiple(&call.query),
        path_parameters: (!parameters.is_empty()).then_some(parameters),
        stage_variables: None,
        request_context: context(routed, grant),
        body: None,
        is_base64_encoded: None,
    }
}

fn context<'a>(routed: Routed<'a>, grant: Option<&'a Grant>) -> Context<'a> {
    let Routed {
        call,
        resource,
        parameters: _,
        identity,
    } = routed;
    let domain_name = call.domain_name();
    let authorizer = grant.map(|grant| {
        let mut fields: BTreeMap<&str, Cow<'_, str>> = BTreeMap::new();
        for (name, value) in &grant.context {
            fields.insert(name, Cow::Borrowed(value));
        }
        fields.insert("principalId", Cow::Borrowed(&grant.principal_id));
        fields.insert("integrationLatency", Cow::Borrowed("0"));
        fields
    });
    Context {
        account_id: &identity.account_id,
        api_id: &identity.api_id,
        authorizer,
        domain_name,
        domain_prefix: domain_name.split('.').next().unwrap_or_default(),
        extended_request_id: &call.extended_request_id,
        http_method: &call.method,
        identity: Caller {
            access_key: None,
            account_id: None,
            api_key: grant.and_then(|grant| grant.usage_key.as_deref()),
            caller: None,
            cognito_authentication_provider: None,
            cognito_authentication_type: None,
            cognito_identity_id: None,
            cognito_identity_pool_id: None,
            principal_org_id: None,
            source_ip: &call.source_ip,
            user: None,
            user_agent: call.header("user-agent"),
            user_arn: None,
        },
        path: call.path_with_stage(),
        protocol: call.protocol,
        request_id: &call.request_id,
        request_time: call.request_time(),
        request_time_epoch: call.request_time_ms(),
        resource_id: "local",
        resource_path: resource,
        stage: &call.stage,
    }
}

/// Returns the last value of each; AWS sends `null` instead of an empty mapping.
fn single(values: &BTreeMap<String, Vec<String>>) -> Option<Single<'_>> {
    let single: Single<'_> = values
        .iter()
        .filter_map(|(name, values)| Some((name.as_str(), values.last()?.as_str())))
        .collect();
    (!single.is_empty()).then_some(single)
}

fn multiple(values: &BTreeMap<String, Vec<String>>) -> Option<Multiple<'_>> {
    (!values.is_empty()).then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;
    use serde_json::{Value, json};

    fn events(path: &str, body: &'static [u8], binary: bool) -> (Value, Value) {
        let request = Request::post(format!("/v1{path}"))
            .header("host", "api.example.com")
            .header("x-twice", "1")
            .header("x-twice", "2")
            .body(())
            .unwrap();
        let parts = request.into_parts().0;
        let plain = path.split('?').next().unwrap();
        let call = Call::new(&parts, "127.0.0.1:9".parse().unwrap(), "v1", plain);
        let identity = Identity {
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            api_id: "local".to_owned(),
        };
        let parameters = [("id".to_owned(), "a b".to_owned())];
        let routed = Routed {
            call: &call,
            resource: "/things/{id}",
            parameters: &parameters,
            identity: &identity,
        };
        let proxy = proxy(routed, None, &Bytes::from_static(body), binary);
        let parse = |event: Vec<u8>| serde_json::from_slice(&event).unwrap();
        (parse(proxy), parse(authorize(routed)))
    }

    #[test]
    fn the_proxy_event_has_the_shape_of_aws() {
        let (event, _) = events("/things/a%20b?x=1&x=2&y=%2F", b"{}", false);
        assert_eq!(event["resource"], "/things/{id}");
        assert_eq!(event["path"], "/things/a%20b");
        assert_eq!(event["httpMethod"], "POST");
        assert_eq!(event["headers"]["x-twice"], "2");
        assert_eq!(event["multiValueHeaders"]["x-twice"], json!(["1", "2"]));
        assert_eq!(
            event["queryStringParameters"],
            json!({ "x": "2", "y": "/" })
        );
        assert_eq!(
            event["multiValueQueryStringParameters"],
            json!({ "x": ["1", "2"], "y": ["/"] })
        );
        assert_eq!(event["pathParameters"], json!({ "id": "a b" }));
        assert_eq!(event["stageVariables"], Value::Null);
        assert_eq!(event["body"], "{}");
        assert_eq!(event["isBase64Encoded"], false);
        let context = &event["requestContext"];
        assert_eq!(context["path"], "/v1/things/a%20b");
        assert_eq!(context["stage"], "v1");
        assert_eq!(context["domainName"], "api.example.com");
        assert_eq!(context["domainPrefix"], "api");
        assert_eq!(context["identity"]["sourceIp"], "127.0.0.1");
        assert_eq!(context["httpMethod"], "POST");
        assert!(context.get("authorizer").is_none());
    }

    #[test]
    fn what_is_empty_arrives_as_null() {
        let (event, _) = events("/things/x", b"", false);
        assert_eq!(event["queryStringParameters"], Value::Null);
        assert_eq!(event["multiValueQueryStringParameters"], Value::Null);
        assert_eq!(event["body"], Value::Null);
    }

    #[test]
    fn a_binary_body_travels_as_base64() {
        let (event, _) = events("/things/x", &[0xff, 0x00], true);
        assert_eq!(event["body"], "/wA=");
        assert_eq!(event["isBase64Encoded"], true);
    }

    #[test]
    fn the_authorizer_is_told_the_method_and_no_body() {
        let (_, event) = events("/things/x", b"secret", false);
        assert_eq!(event["type"], "REQUEST");
        let arn = "arn:aws:execute-api:us-east-1:000000000000:local/v1/POST/things/x";
        assert_eq!(event["methodArn"], arn);
        assert!(event.get("body").is_none());
        assert!(event.get("isBase64Encoded").is_none());
    }
}
