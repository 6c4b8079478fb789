//! A function for the tests of the local cloud: it follows its input, which may tell it to fail.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

static CALLS: AtomicU64 = AtomicU64::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let mode = std::env::var("FIXTURE_MODE").unwrap_or_default();
    match mode.as_str() {
        "init-exit" => {
            eprintln!("a variable is missing");
            std::process::exit(7);
        }
        "init-hang" => std::future::pending().await,
        _ => lambda_runtime::run(service_fn(handle)).await,
    }
}

/// A line of output.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    CALLS.fetch_add(1, Ordering::Relaxed);
    let payload = event.payload;
    if payload["type"] == "REQUEST" {
        return authorize(&payload);
    }
    if payload["Records"].is_array() {
        return work(&payload).await;
    }
    if payload["source"] == "aws.scheduler" {
        return Ok(json!({ "ran": payload["detail-type"] }));
    }
    if payload["httpMethod"].is_string() {
        return serve(&payload).await;
    }
    Ok(json!({ "input": payload }))
}

fn authorize(event: &Value) -> Result<Value, Error> {
    let token = event["headers"]["authorization"]
        .as_str()
        .unwrap_or_default();
    say(&format!("authorizing {token}"));
    let (effect, resource) = match token {
        "deny" => ("Deny", "*"),
        "narrow" => ("Allow", event["methodArn"].as_str().unwrap_or_default()),
        "unauthorized" => return Err("Unauthorized".into()),
        "broken" => return Err("the database is away".into()),
        "nonsense" => return Ok(json!({ "principalId": 1 })),
        _ => ("Allow", "*"),
    };
    // A credential that is a usage-plan key names itself as the caller's.
    let usage_key = token.starts_with("the-usage-key").then_some(token);
    Ok(json!({
        "usageIdentifierKey": usage_key,
        "principalId": token,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{ "Effect": effect, "Action": "execute-api:Invoke", "Resource": resource }],
        },
        "context": { "calls": CALLS.load(Ordering::Relaxed) },
    }))
}

async fn work(event: &Value) -> Result<Value, Error> {
    let records = event["Records"].as_array().cloned().unwrap_or_default();
    let mut failures = Vec::new();
    say(&format!("batch of {}", records.len()));
    for record in records {
        let body = record["body"].as_str().unwrap_or_default();
        let receives = record["attributes"]["ApproximateReceiveCount"]
            .as_str()
            .unwrap_or("0");
        say(&format!("received {body} {receives}"));
        match (body, receives) {
            ("crash-once", "1") => std::process::exit(9),
            ("error-once", "1") => return Err("the whole batch".into()),
            ("fail-once", "1") => failures.push(json!({ "itemIdentifier": record["messageId"] })),
            ("slow", _) => tokio::time::sleep(Duration::from_secs(20)).await,
            _ => say(&format!("done {body}")),
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

async fn serve(event: &Value) -> Result<Value, Error> {
    let query = |name: &str| {
        event["queryStringParameters"][name]
            .as_str()
            .unwrap_or_default()
    };
    let number = |name: &str| query(name).parse::<u64>().unwrap_or_default();
    let resource = event["resource"].as_str().unwrap_or_default();
    let body = match resource.trim_start_matches("/impatient") {
        "/crash" => std::process::exit(3),
        "/fail" => return Err("it went wrong".into()),
        "/malformed" => return Ok(json!("not a response")),
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(number("ms"))).await;
            json!({ "pid": std::process::id() })
        }
        "/environment" => std::env::vars()
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect(),
        "/size" => Value::from(event["body"].as_str().map_or(0, str::len)),
        "/big" => Value::from("x".repeat(usize::try_from(number("bytes"))?)),
        "/image" => {
            return Ok(json!({
                "statusCode": 200,
                "headers": { "Content-Type": "image/png" },
                "body": "/wA=",
                "isBase64Encoded": true,
            }));
        }
        _ => event.clone(),
    };
    Ok(json!({
        "statusCode": 200,
        "multiValueHeaders": { "Content-Type": ["application/json"], "X-Two": ["a", "b"] },
        "body": body.to_string(),
    }))
}
