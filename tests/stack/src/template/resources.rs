//! The kinds of resources that the local cloud knows, and the value of a reference to each.
//!
//! Owns physical names, ARNs and attributes. Refuses to know the resources' other properties.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Error;

/// The pretended place of the stack.
#[derive(Clone, Debug)]
pub struct Place {
    /// The AWS Region.
    pub region: String,
    /// The AWS account's id.
    pub account_id: String,
    /// The stack's name, with which physical names begin.
    pub stack_name: String,
    /// The version under which every function with an alias is published.
    pub function_version: String,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            stack_name: "velro-local".to_owned(),
            function_version: "1".to_owned(),
        }
    }
}

impl Place {
    /// The default place, in which every function has just been published, with its present settings.
    pub fn published_now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            function_version: now.unwrap_or_default().as_millis().to_string(),
            ..Self::default()
        }
    }

    /// The value of a pseudo parameter.
    pub fn pseudo(&self, name: &str) -> Option<String> {
        match name {
            "AWS::Region" => Some(self.region.clone()),
            "AWS::AccountId" => Some(self.account_id.clone()),
            "AWS::Partition" => Some("aws".to_owned()),
            "AWS::URLSuffix" => Some("amazonaws.com".to_owned()),
            "AWS::StackName" => Some(self.stack_name.clone()),
            "AWS::StackId" => {
                Some(self.arn("cloudformation", &format!("stack/{}", self.stack_name)))
            }
            _ => None,
        }
    }

    /// The ARN of the role that SAM makes for the function with this logical id.
    pub fn role(&self, function: &str) -> String {
        self.named_role(&format!("{function}Role"))
    }

    /// The ARN of the role with this name.
    pub fn named_role(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.account_id)
    }

    /// The ARN of `resource` in `service`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account_id
        )
    }
}

/// The kind of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `AWS::Serverless::Api`.
    Api {
        /// Its stage's name.
        stage: String,
    },
    /// `AWS::Serverless::Function`.
    Function {
        /// The alias of its newest version, which all of its callers name.
        alias: Option<String>,
    },
    /// `AWS::DynamoDB::Table`.
    Table,
    /// `AWS::S3::Bucket`.
    Bucket,
    /// `AWS::SQS::Queue`.
    Queue,
    /// `AWS::ApiGateway::UsagePlan`.
    UsagePlan,
    /// `AWS::ApiGateway::ApiKey`.
    ApiKey,
    /// `AWS::ApiGateway::UsagePlanKey`.
    UsagePlanKey,
    /// `AWS::Lambda::EventSourceMapping`.
    Mapping,
    /// `AWS::IAM::Role`, as the template spells it out; SAM makes the others.
    Role,
    /// Accepted, and without effect on this machine.
    Inert,
}

impl Kind {
    /// The kind of a resource type; `property` reads a property that is written as text.
    pub fn of(
        resource_type: &str,
        property: impl Fn(&str) -> Option<String>,
        at: &str,
    ) -> Result<Self, Error> {
        match resource_type {
            "AWS::Serverless::Api" => Ok(Self::Api {
                stage: property("StageName").unwrap_or_default(),
            }),
            "AWS::Serverless::Function" => Ok(Self::Function {
                alias: property("AutoPublishAlias"),
            }),
            "AWS::DynamoDB::Table" => Ok(Self::Table),
            "AWS::S3::Bucket" => Ok(Self::Bucket),
            "AWS::SQS::Queue" => Ok(Self::Queue),
            "AWS::ApiGateway::UsagePlan" => Ok(Self::UsagePlan),
            "AWS::ApiGateway::ApiKey" => Ok(Self::ApiKey),
            "AWS::ApiGateway::UsagePlanKey" => Ok(Self::UsagePlanKey),
            "AWS::Lambda::EventSourceMapping" => Ok(Self::Mapping),
            "AWS::Logs::LogGroup"
            | "AWS::Logs::MetricFilter"
            | "AWS::CloudWatch::Alarm"
            | "AWS::CloudWatch::Dashboard"
            | "AWS::SNS::Topic"
            | "AWS::SNS::TopicPolicy"
            | "AWS::SQS::QueuePolicy"
            | "AWS::S3::BucketPolicy"
            | "AWS::SES::ConfigurationSet"
            | "AWS::ApiGateway::Account" => Ok(Self::Inert),
            "AWS::IAM::Role" => Ok(Self::Role),
            other if other.starts_with("AWS::IAM::") => Ok(Self::Inert),
            other => Err(Error::at(
                at,
                &format!("has the type {other}, which is not supported"),
            )),
        }
    }

    /// The property that may hold the resource's physical name.
    pub fn name_property(&self) -> Option<&'static str> {
        match self {
            Self::Function { .. } => Some("FunctionName"),
            Self::Table => Some("TableName"),
            Self::Bucket => Some("BucketName"),
            Self::Queue => Some("QueueName"),
            Self::Api { .. }
            | Self::UsagePlan
            | Self::ApiKey
            | Self::UsagePlanKey
            | Self::Mapping
            | Self::Role
            | Self::Inert => None,
        }
    }
}

/// A resource that the template declares, under its physical name.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its kind.
    pub kind: Kind,
    /// Its physical name.
    pub name: String,
}

impl Declared {
    /// The value of `Ref`.
    pub fn reference(&self, queue_url: &dyn Fn(&str) -> String) -> String {
        match self.kind {
            Kind::Queue => queue_url(&self.name),
            Kind::Api { .. }
            | Kind::Function { .. }
            | Kind::Table
            | Kind::Bucket
            | Kind::UsagePlan
            | Kind::ApiKey
            | Kind::UsagePlanKey
            | Kind::Mapping
            | Kind::Role
            | Kind::Inert => self.name.clone(),
        }
    }

    /// The ARN of a function's alias.
    pub fn alias(&self, place: &Place) -> Option<String> {
        let Kind::Function { alias: Some(alias) } = &self.kind else {
            return None;
        };
        Some(place.arn("lambda", &format!("function:{}:{alias}", self.name)))
    }

    /// The stage of an API.
    pub fn stage(&self) -> Option<&str> {
        match &self.kind {
            Kind::Api { stage } => Some(stage),
            Kind::Function { .. }
            | Kind::Table
            | Kind::Bucket
            | Kind::Queue
            | Kind::UsagePlan
            | Kind::ApiKey
            | Kind::UsagePlanKey
            | Kind::Mapping
            | Kind::Role
            | Kind::Inert => None,
        }
    }

    /// The value of `Fn::GetAtt`.
    pub fn attribute(
        &self,
        attribute: &str,
        place: &Place,
        queue_url: &dyn Fn(&str) -> String,
    ) -> Option<String> {
        let name = &self.name;
        match (&self.kind, attribute) {
            (Kind::Function { .. }, "Arn") => {
                Some(place.arn("lambda", &format!("function:{name}")))
            }
            (Kind::Function { alias: Some(_) }, "Version.Version") => {
                Some(place.function_version.clone())
            }
            (Kind::Table, "Arn") => Some(place.arn("dynamodb", &format!("table/{name}"))),
            (Kind::Queue, "Arn") => Some(place.arn("sqs", name)),
            (Kind::Queue, "QueueName") => Some(name.clone()),
            (Kind::Queue, "QueueUrl") => Some(queue_url(name)),
            (Kind::Bucket, "Arn") => Some(format!("arn:aws:s3:::{name}")),
            (Kind::Bucket, "DomainName") => Some(format!("{name}.s3.amazonaws.com")),
            (Kind::Bucket, "RegionalDomainName") => {
                Some(format!("{name}.s3.{}.amazonaws.com", place.region))
            }
            (Kind::Inert, "Arn") => Some(place.arn("local", name)),
            (Kind::UsagePlan, "Id") | (Kind::ApiKey, "APIKeyId") => Some(name.clone()),
            (Kind::Role, "Arn") => Some(place.named_role(name)),
            (Kind::Role, "RoleId") | (Kind::Inert, "TopicName") => Some(name.clone()),
            (Kind::Api { .. }, "RootResourceId") => Some("root".to_owned()),
            (
                Kind::Api { .. }
                | Kind::Function { .. }
                | Kind::Table
                | Kind::Bucket
                | Kind::Queue
                | Kind::UsagePlan
                | Kind::ApiKey
                | Kind::UsagePlanKey
                | Kind::Mapping
                | Kind::Role
                | Kind::Inert,
                _,
            ) => None,
        }
    }
}
