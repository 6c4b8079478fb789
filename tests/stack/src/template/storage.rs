//! Tables, queues and buckets of the template.
//!
//! Owns their properties. Refuses to know the services that keep them.

use serde_json::{Map, Value, json};

use super::fields::Fields;
use crate::Error;

/// The methods that a rule of a bucket's CORS may name, as AWS says.
const CORS_METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// A table: AWS's own CreateTable request, and the attribute that expires its items.
#[derive(Clone, Debug)]
pub struct Table {
    /// The body of CreateTable.
    pub create: Value,
    /// The attribute with the time at which an item expires.
    pub ttl_attribute: Option<String>,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its physical name.
    pub name: String,
    /// The time for which a received message stays hidden.
    pub visibility_timeout_s: u32,
    /// The time for which a message is kept.
    pub retention_s: u32,
    /// The time for which a new message is held back.
    pub delay_s: u32,
    /// The time for which a receive waits, unless it sets its own.
    pub receive_wait_s: u32,
    /// The queue that takes messages received too often, and the number of receives before that.
    pub redrive: Option<(String, u32)>,
}

/// A bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Its physical name.
    pub name: String,
    /// The rules for pages of other origins; the first rule that fits a request counts.
    pub cors: Vec<CorsRule>,
}

/// A rule of a bucket's CORS.
#[derive(Clone, Debug)]
pub struct CorsRule {
    /// Origins.
    pub origins: Vec<String>,
    /// Methods.
    pub methods: Vec<String>,
    /// Headers that a page may send.
    pub headers: Vec<String>,
    /// Headers that a page may read.
    pub exposed: Vec<String>,
    /// The number of seconds for which a browser may remember it.
    pub max_age_s: Option<u32>,
}

impl Table {
    /// Reads a table's properties.
    pub fn read(mut fields: Fields, name: String) -> Result<Self, Error> {
        fields.accept(&[
            "TableName",
            "ContributorInsightsSpecification",
            "DeletionProtectionEnabled",
            "OnDemandThroughput",
            "PointInTimeRecoverySpecification",
            "TableClass",
            "Tags",
            "WarmThroughput",
        ]);
        match fields.text("BillingMode")?.as_deref() {
            Some("PAY_PER_REQUEST") => {}
            _ => return Err(fields.wrong("BillingMode", "must be PAY_PER_REQUEST")),
        }
        let mut ttl = fields.object("TimeToLiveSpecification")?;
        let ttl_enabled = ttl.boolean("Enabled")?.unwrap_or(false);
        let ttl_attribute = ttl.text("AttributeName")?.filter(|_| ttl_enabled);
        ttl.finish()?;

        let mut create = Map::new();
        create.insert("TableName".to_owned(), Value::from(name));
        create.insert("BillingMode".to_owned(), Value::from("PAY_PER_REQUEST"));
        for property in ["AttributeDefinitions", "KeySchema"] {
            let value = fields
                .take(property)
                .ok_or_else(|| fields.missing(property))?;
            create.insert(property.to_owned(), value);
        }
        for property in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
            let at = format!("{}.{property}", fields.at());
            let indexes = fields
                .list(property)?
                .into_iter()
                .map(|index| read_index(Fields::of(index, at.as_str())?))
                .collect::<Result<Vec<_>, Error>>()?;
            if !indexes.is_empty() {
                create.insert(property.to_owned(), Value::Array(indexes));
            }
        }
        fields.finish()?;
        Ok(Self {
            create: Value::Object(create),
            ttl_attribute,
        })
    }
}

fn read_index(mut fields: Fields) -> Result<Value, Error> {
    fields.accept(&[
        "ContributorInsightsSpecification",
        "OnDemandThroughput",
        "WarmThroughput",
    ]);
    let name = fields.required_text("IndexName")?;
    let keys = fields
        .take("KeySchema")
        .ok_or_else(|| fields.missing("KeySchema"))?;
    let projection = fields
        .take("Projection")
        .ok_or_else(|| fields.missing("Projection"))?;
    fields.finish()?;
    Ok(json!({ "IndexName": name, "KeySchema": keys, "Projection": projection }))
}

impl Queue {
    /// Reads a queue's properties.
    pub fn read(mut fields: Fields, name: String) -> Result<Self, Error> {
        fields.accept(&[
            "QueueName",
            "KmsDataKeyReusePeriodSeconds",
            "KmsMasterKeyId",
            "MaximumMessageSize",
            "RedriveAllowPolicy",
            "SqsManagedSseEnabled",
            "Tags",
        ]);
        let visibility_timeout_s = fields
            .integer("VisibilityTimeout", 0..=43_200)?
            .unwrap_or(30);
        let retention_s = fields
            .integer("MessageRetentionPeriod", 60..=1_209_600)?
            .unwrap_or(345_600);
        let delay_s = fields.integer("DelaySeconds", 0..=900)?.unwrap_or(0);
        let receive_wait_s = fields
            .integer("ReceiveMessageWaitTimeSeconds", 0..=20)?
            .unwrap_or(0);
        let mut redrive = fields.object("RedrivePolicy")?;
        let target = redrive.text("deadLetterTargetArn")?;
        let receives = redrive.integer("maxReceiveCount", 1..=1_000)?;
        let redrive_policy = match (target, receives) {
            (None, None) => None,
            (Some(arn), Some(receives)) => Some((
                arn.rsplit(':').next().unwrap_or_default().to_owned(),
                small(receives),
            )),
            (Some(_), None) => return Err(redrive.missing("maxReceiveCount")),
            (None, Some(_)) => return Err(redrive.missing("deadLetterTargetArn")),
        };
        redrive.finish()?;
        fields.finish()?;
        Ok(Self {
            name,
            visibility_timeout_s: small(visibility_timeout_s),
            retention_s: small(retention_s),
            delay_s: small(delay_s),
            receive_wait_s: small(receive_wait_s),
            redrive: redrive_policy,
        })
    }
}

impl Bucket {
    /// Reads a bucket's properties.
    pub fn read(mut fields: Fields, name: String) -> Result<Self, Error> {
        fields.accept(&[
            "BucketName",
            "BucketEncryption",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
        ]);
        let mut lifecycle = fields.object("LifecycleConfiguration")?;
        let at = format!("{}.Rules", lifecycle.at());
        for rule in lifecycle.list("Rules")? {
            check_rule(Fields::of(rule, at.as_str())?)?;
        }
        lifecycle.finish()?;
        let mut cors = fields.object("CorsConfiguration")?;
        let at = format!("{}.CorsRules", cors.at());
        let rules = cors.list("CorsRules")?.into_iter();
        let rules = rules.map(|rule| CorsRule::read(Fields::of(rule, at.as_str())?));
        let rules = rules.collect::<Result<_, _>>()?;
        cors.finish()?;
        fields.finish()?;
        Ok(Self { name, cors: rules })
    }
}

impl CorsRule {
    fn read(mut fields: Fields) -> Result<Self, Error> {
        fields.accept(&["Id"]);
        let rule = Self {
            origins: fields.texts("AllowedOrigins")?,
            methods: fields.texts("AllowedMethods")?,
            headers: fields.texts("AllowedHeaders")?,
            exposed: fields.texts("ExposedHeaders")?,
            max_age_s: fields
                .integer("MaxAge", 0..=i64::from(i32::MAX))?
                .map(small),
        };
        if rule.origins.is_empty() {
            return Err(fields.missing("AllowedOrigins"));
        }
        if rule
            .origins
            .iter()
            .any(|origin| origin.matches('*').count() > 1)
        {
            return Err(fields.wrong("AllowedOrigins", "may hold one * each"));
        }
        let is_known = |method: &String| CORS_METHODS.contains(&method.as_str());
        if rule.methods.is_empty() || !rule.methods.iter().all(is_known) {
            let words = format!("must be some of {}", CORS_METHODS.join(", "));
            return Err(fields.wrong("AllowedMethods", &words));
        }
        fields.finish()?;
        Ok(rule)
    }
}

/// Checks a lifecycle rule. The permitted ones delete unfinished uploads and old versions, which nothing here
/// would notice; a rule that makes objects expire would have to be obeyed here, too.
fn check_rule(mut rule: Fields) -> Result<(), Error> {
    rule.accept(&["Id"]);
    match rule.required_text("Status")?.as_str() {
        "Enabled" | "Disabled" => {}
        _ => return Err(rule.wrong("Status", "must be Enabled or Disabled")),
    }
    let mut forgets = rule.boolean("ExpiredObjectDeleteMarker")?.unwrap_or(false);
    for (name, days) in [
        ("AbortIncompleteMultipartUpload", "DaysAfterInitiation"),
        ("NoncurrentVersionExpiration", "NoncurrentDays"),
    ] {
        let mut what = rule.object(name)?;
        forgets |= what.integer(days, 1..=365)?.is_some();
        what.finish()?;
    }
    if !forgets {
        return Err(rule.wrong("Id", "names a rule that forgets nothing known here"));
    }
    rule.finish()
}

/// Orders the queues, each after its dead-letter queue.
pub fn ordered(mut queues: Vec<Queue>) -> Result<Vec<Queue>, Error> {
    let mut ordered: Vec<Queue> = Vec::with_capacity(queues.len());
    while !queues.is_empty() {
        let (ready, waiting): (Vec<_>, Vec<_>) = queues.into_iter().partition(|queue| {
            let Some((target, _)) = &queue.redrive else {
                return true;
            };
            ordered.iter().any(|known| known.name == *target)
        });
        if ready.is_empty() {
            let name = waiting
                .first()
                .map(|queue| queue.name.as_str())
                .unwrap_or_default();
            return Err(Error::new(format!(
                "the template's queue {name} has a dead-letter queue that the template does not have"
            )));
        }
        ordered.extend(ready);
        queues = waiting;
    }
    Ok(ordered)
}

/// A number whose range was checked when it was read.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
