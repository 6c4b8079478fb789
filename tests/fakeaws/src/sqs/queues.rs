//! The operations on queues themselves, at the wire.
//!
//! Owns the names and bounds of a queue's attributes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::shared::{MESSAGE_BYTES_MAX, existing, invalid, queue_of};
use super::{QueueSpec, QueueStatus, Redrive, Sqs, VISIBILITY_TIMEOUT_S_MAX, status, store};
use crate::clock::now_ms;
use crate::wire::{Refusal, input};

const NAME_CHARACTERS_MAX: usize = 80;
const LISTED_MAX: usize = 1_000;
/// Attributes that are accepted without effect: nothing here is encrypted or guarded by policies, and the
/// size limit is always AWS's greatest.
const WITHOUT_EFFECT: [&str; 5] = [
    "MaximumMessageSize",
    "Policy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    #[serde(default)]
    queue_name: String,
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    queue_name_prefix: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

pub(super) fn get_url(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let named: Named = input(body)?;
    let name = existing(sqs, &named.queue_name)?;
    Ok(json!({ "QueueUrl": sqs.queue_url(name) }))
}

pub(super) fn list(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let named: Named = input(body)?;
    let mut names: Vec<String> = sqs.arrivals().keys().cloned().collect();
    names.retain(|name| name.starts_with(&named.queue_name_prefix));
    names.sort();
    names.truncate(LISTED_MAX);
    let urls: Vec<String> = names.iter().map(|name| sqs.queue_url(name)).collect();
    Ok(json!({ "QueueUrls": urls }))
}

pub(super) async fn purge(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let named: Named = input(body)?;
    let name = queue_of(&named.queue_url).to_owned();
    sqs.inner
        .sqlite
        .run(move |t| store::purge(t, &name))
        .await?;
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

pub(super) async fn create(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let create: Create = input(body)?;
    let name = create.queue_name;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > NAME_CHARACTERS_MAX || !name.chars().all(is_plain) {
        return Err(invalid(
            "A standard queue's name can only include alphanumeric characters, hyphens, or \
             underscores, 1 to 80 of them.",
        ));
    }
    let spec = spec(name.clone(), &create.attributes)?;
    let asked = spec.clone();
    let differs = sqs
        .inner
        .sqlite
        .run(move |t| match store::queue(t, &asked.name) {
            Ok(existing) => Ok::<_, Refusal>(existing != asked),
            Err(_) => Ok(false),
        })
        .await?;
    if differs {
        let message = "A queue already exists with the same name and a different value for one of \
                       its attributes.";
        return Err(Refusal::of("QueueAlreadyExists", message));
    }
    sqs.put_queue(spec).await?;
    Ok(json!({ "QueueUrl": sqs.queue_url(&name) }))
}

fn spec(name: String, attributes: &BTreeMap<String, String>) -> Result<QueueSpec, Refusal> {
    let mut spec = QueueSpec {
        name,
        visibility_timeout_s: 30,
        retention_s: 345_600,
        delay_s: 0,
        receive_wait_s: 0,
        redrive: None,
    };
    for (attribute, value) in attributes {
        let bounded = |least: u32, most: u32| bounded(attribute, value, least, most);
        match attribute.as_str() {
            "VisibilityTimeout" => {
                spec.visibility_timeout_s = bounded(0, VISIBILITY_TIMEOUT_S_MAX)?;
            }
            "MessageRetentionPeriod" => spec.retention_s = bounded(60, 1_209_600)?,
            "DelaySeconds" => spec.delay_s = bounded(0, 900)?,
            "ReceiveMessageWaitTimeSeconds" => spec.receive_wait_s = bounded(0, 20)?,
            "RedrivePolicy" => spec.redrive = redrive(value)?,
            other if WITHOUT_EFFECT.contains(&other) => {}
            other => {
                let message = format!("Unknown Attribute {other}.");
                return Err(Refusal::of("InvalidAttributeName", message));
            }
        }
    }
    Ok(spec)
}

fn bounded(attribute: &str, value: &str, least: u32, most: u32) -> Result<u32, Refusal> {
    let number = value
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| invalid_value(attribute))
}

fn redrive(policy: &str) -> Result<Option<Redrive>, Refusal> {
    if policy.is_empty() {
        return Ok(None);
    }
    let policy: Value = serde_json::from_str(policy).map_err(|_| invalid_value("RedrivePolicy"))?;
    let arn = policy["deadLetterTargetArn"].as_str();
    // AWS accepts the count as a number and as text.
    let given = &policy["maxReceiveCount"];
    let count = given
        .as_str()
        .map_or(given.as_u64(), |text| text.parse().ok());
    let count = count.and_then(|count| u32::try_from(count).ok());
    match (arn, count.filter(|count| (1..=1_000).contains(count))) {
        (Some(arn), Some(max_receive_count)) => Ok(Some(Redrive {
            dead_letter_queue: arn.rsplit(':').next().unwrap_or_default().to_owned(),
            max_receive_count,
        })),
        (_, _) => Err(invalid_value("RedrivePolicy")),
    }
}

fn invalid_value(attribute: &str) -> Refusal {
    let message = format!("Invalid value for the parameter {attribute}.");
    Refusal::of("InvalidAttributeValue", message)
}

pub(super) async fn get_attributes(sqs: &Sqs, body: &[u8]) -> Result<Value, Refusal> {
    let named: Named = input(body)?;
    let name = queue_of(&named.queue_url).to_owned();
    let wanted = name.clone();
    let (spec, created_ms, queues, redriven) = sqs
        .inner
        .sqlite
        .run(move |t| {
            let spec = store::queue(t, &wanted)?;
            let (queues, redriven) = status::status(t, now_ms())?;
            Ok::<_, Refusal>((spec, store::created_ms(t, &wanted)?, queues, redriven))
        })
        .await?;
    redriven.iter().for_each(|name| sqs.announce(name));
    let status = queues.into_iter().find(|queue| queue.name == name);
    let status = status.ok_or_else(store::no_such_queue)?;
    let mut attributes = attributes(sqs, &spec, &status, created_ms);
    let asked = &named.attribute_names;
    attributes.retain(|name, _| asked.iter().any(|wanted| wanted == "All" || wanted == name));
    Ok(if attributes.is_empty() {
        json!({})
    } else {
        json!({ "Attributes": attributes })
    })
}

fn attributes(
    sqs: &Sqs,
    spec: &QueueSpec,
    status: &QueueStatus,
    created_ms: i64,
) -> Map<String, Value> {
    let created_s = created_ms / 1_000;
    let mut attributes = vec![
        ("QueueArn", sqs.queue_arn(&spec.name)),
        ("ApproximateNumberOfMessages", status.visible.to_string()),
        (
            "ApproximateNumberOfMessagesNotVisible",
            status.in_flight.to_string(),
        ),
        (
            "ApproximateNumberOfMessagesDelayed",
            status.delayed.to_string(),
        ),
        ("CreatedTimestamp", created_s.to_string()),
        ("LastModifiedTimestamp", created_s.to_string()),
        ("VisibilityTimeout", spec.visibility_timeout_s.to_string()),
        ("MaximumMessageSize", MESSAGE_BYTES_MAX.to_string()),
        ("MessageRetentionPeriod", spec.retention_s.to_string()),
        ("DelaySeconds", spec.delay_s.to_string()),
        (
            "ReceiveMessageWaitTimeSeconds",
            spec.receive_wait_s.to_string(),
        ),
    ];
    if let Some(redrive) = &spec.redrive {
        let policy = json!({
            "deadLetterTargetArn": sqs.queue_arn(&redrive.dead_letter_queue),
            "maxReceiveCount": redrive.max_receive_count,
        });
        attributes.push(("RedrivePolicy", policy.to_string()));
    }
    attributes
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}
