//! The permissions that each operation needs, after the Service Authorization Reference: an action and its
//! resource, once for each thing that a request names.

use std::collections::BTreeMap;

use hyper::Method;
use serde_json::Value;

use super::attributes;

/// An action on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// `service:Operation`.
    pub(crate) action: String,
    resource: Resource,
    /// The request's values of condition keys.
    pub(super) context: BTreeMap<&'static str, Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Resource {
    /// Within a region and an account: `dynamodb`, `table/jobs`.
    Regional(&'static str, String),
    /// A bucket, or an object in it.
    S3(String),
    /// A path of API Gateway's control plane.
    Control(String),
}

impl Need {
    fn regional(service: &'static str, operation: &str, resource: String) -> Self {
        Self {
            action: format!("{service}:{operation}"),
            resource: Resource::Regional(service, resource),
            context: BTreeMap::new(),
        }
    }

    fn s3(operation: &str, resource: String) -> Self {
        Self {
            action: format!("s3:{operation}"),
            resource: Resource::S3(resource),
            context: BTreeMap::new(),
        }
    }

    pub(super) fn arn(&self, region: &str, account_id: &str) -> String {
        match &self.resource {
            Resource::Regional(service, resource) => {
                format!("arn:aws:{service}:{region}:{account_id}:{resource}")
            }
            Resource::S3(resource) => format!("arn:aws:s3:::{resource}"),
            Resource::Control(path) => format!("arn:aws:apigateway:{region}::{path}"),
        }
    }
}

/// Lists the needs of an operation of the services that speak JSON; `target` as in `X-Amz-Target`.
pub(crate) fn of_json(target: &str, body: &[u8]) -> Vec<Need> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    match target.split_once('.') {
        Some(("DynamoDB_20120810", operation)) => of_tables(operation, &body),
        Some(("AmazonSQS", operation)) => vec![of_queue(operation, &body)],
        Some(("AmazonSSM", operation)) => {
            let listed = body["Names"].as_array().into_iter().flatten();
            let names = body["Name"].as_str().into_iter();
            let names = names.chain(listed.filter_map(Value::as_str));
            let need = |name: &str| {
                let name = name.trim_start_matches('/');
                Need::regional("ssm", operation, format!("parameter/{name}"))
            };
            names.map(need).collect()
        }
        Some(_) | None => Vec::new(),
    }
}

/// Lists the need of a request to API Gateway's control plane: its method, as an action on its path.
pub(crate) fn of_control(method: &Method, path: &str) -> Vec<Need> {
    vec![Need {
        action: format!("apigateway:{method}"),
        resource: Resource::Control(path.to_owned()),
        context: BTreeMap::new(),
    }]
}

/// Lists the needs of sending a message through SES: the sender's identities, the configuration set, and the
/// recipients' identities if they have any. An address and its domain may both be identities; the caller
/// cannot know which, and must be allowed all of them.
/// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html>)
pub(crate) fn of_mail(body: &[u8]) -> Vec<Need> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let from = address(text(&body, "FromEmailAddress"));
    let to = body["Destination"]["ToAddresses"].as_array();
    let to = to.into_iter().flatten().filter_map(Value::as_str);
    let mut resources: Vec<String> = std::iter::once(from)
        .chain(to.map(address))
        .flat_map(|address| {
            let domain = address
                .rsplit_once('@')
                .map_or(address, |(_, domain)| domain);
            [format!("identity/{address}"), format!("identity/{domain}")]
        })
        .collect();
    let set = text(&body, "ConfigurationSetName");
    if !set.is_empty() {
        resources.push(format!("configuration-set/{set}"));
    }
    let on = |resource| Need {
        context: BTreeMap::from([("ses:FromAddress", vec![from.to_owned()])]),
        ..Need::regional("ses", "SendEmail", resource)
    };
    resources.into_iter().map(on).collect()
}

/// The address in `Name <address>`, or the text itself.
fn address(text: &str) -> &str {
    let inside = text.rsplit_once('<').map_or(text, |(_, rest)| rest);
    inside.trim_end_matches('>')
}

/// Lists the needs of a request to S3; an empty `key` is the bucket itself. A request that deletes many keys
/// is checked once, as the deletion of an object of the bucket.
pub(crate) fn of_bucket(method: &Method, bucket: &str, key: &str) -> Vec<Need> {
    let object = |operation| vec![Need::s3(operation, format!("{bucket}/{key}"))];
    match (method, key.is_empty()) {
        (&Method::GET | &Method::HEAD, false) => object("GetObject"),
        (&Method::PUT, false) => object("PutObject"),
        (&Method::DELETE, false) | (&Method::POST, true) => object("DeleteObject"),
        (&Method::GET | &Method::HEAD, true) => vec![Need::s3("ListBucket", bucket.to_owned())],
        (_, _) => vec![Need::s3("CreateBucket", bucket.to_owned())],
    }
}

/// Lists the need of a request about an upload by parts: to put the object, or to abort.
pub(crate) fn of_upload(method: &Method, bucket: &str, key: &str) -> Vec<Need> {
    let operation = match *method {
        Method::DELETE => "AbortMultipartUpload",
        _ => "PutObject",
    };
    vec![Need::s3(operation, format!("{bucket}/{key}"))]
}

fn of_tables(operation: &str, body: &Value) -> Vec<Need> {
    let on = |operation: &str, table: &str, attributes: Vec<String>| Need {
        context: BTreeMap::from([("dynamodb:Attributes", attributes)]),
        ..Need::regional("dynamodb", operation, format!("table/{table}"))
    };
    // AWS would look into these, too. No policy that limits the attributes has to allow them yet.
    let all = || vec![attributes::ALL.to_owned()];
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let need = |(table, _): (&String, &Value)| on(operation, table, all());
            tables.map(need).collect()
        }
        "TransactWriteItems" | "TransactGetItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let parts = items.filter_map(Value::as_object).flatten();
            let need = |(part, what): (&String, &Value)| {
                let table = text(what, "TableName");
                match part.as_str() {
                    "Put" => on("PutItem", table, attributes::of_write(what)),
                    "Update" => on("UpdateItem", table, attributes::of_write(what)),
                    "Delete" => on("DeleteItem", table, attributes::of_write(what)),
                    "Get" => on("GetItem", table, all()),
                    "ConditionCheck" => on("ConditionCheckItem", table, attributes::of_write(what)),
                    other => on(other, table, all()),
                }
            };
            parts.map(need).collect()
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => {
            let attributes = attributes::of_write(body);
            vec![on(operation, text(body, "TableName"), attributes)]
        }
        _ => {
            let table = text(body, "TableName");
            match body["IndexName"].as_str() {
                Some(index) => vec![on(operation, &format!("{table}/index/{index}"), all())],
                None => vec![on(operation, table, all())],
            }
        }
    }
}

fn of_queue(operation: &str, body: &Value) -> Need {
    let url = text(body, "QueueUrl");
    let name = match url.rsplit_once('/') {
        Some((_, name)) => name,
        None => text(body, "QueueName"),
    };
    // A batch needs the same permission as a single one.
    let single = operation.strip_suffix("Batch").unwrap_or(operation);
    Need::regional("sqs", single, name.to_owned())
}

fn text<'v>(body: &'v Value, name: &str) -> &'v str {
    body[name].as_str().unwrap_or_default()
}
