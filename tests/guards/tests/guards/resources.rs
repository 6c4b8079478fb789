//! What the template may create: nothing that costs while nobody calls, and nothing kept that a mistake could lose.

use std::collections::BTreeSet;

use crate::template::{document, functions, resources, resources_of, visit_keys};

/// A new type must be decided on: does it cost while nothing happens?
const TYPES: [&str; 14] = [
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::UsagePlan",
    "AWS::ApiGateway::UsagePlanKey",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::Serverless::Api",
    "AWS::Serverless::Function",
];
/// The same for what SAM makes out of a function's events.
const EVENT_TYPES: [&str; 3] = ["Api", "SQS", "ScheduleV2"];
/// Settings that turn something which is paid for by use into something which is paid for by the hour or month.
const ALWAYS_ON: [&str; 10] = [
    "CacheClusterEnabled",
    "CacheClusterSize",
    "FileSystemConfigs",
    "KMSMasterKeyId",
    "KmsMasterKeyId",
    "ProvisionedConcurrencyConfig",
    "ProvisionedPollerConfig",
    "ProvisionedThroughput",
    "VpcConfig",
    "WarmThroughput",
];

#[test]
fn nothing_is_created_that_was_not_decided_on() {
    let types: BTreeSet<&str> = resources()
        .values()
        .map(|resource| resource["Type"].as_str().unwrap())
        .collect();
    assert_eq!(types, BTreeSet::from(TYPES));
    let events: BTreeSet<&str> = functions()
        .iter()
        .flat_map(|function| function.events())
        .map(|event| event.kind)
        .collect();
    assert_eq!(events, BTreeSet::from(EVENT_TYPES));
}

#[test]
fn nothing_is_switched_on_that_costs_while_idle() {
    visit_keys(document(), &mut |key, _| {
        assert!(!ALWAYS_ON.contains(&key), "the template has a {key}");
    });
}

#[test]
fn every_table_is_paid_for_by_the_request() {
    for (id, table) in resources_of("AWS::DynamoDB::Table") {
        let mode = &table["Properties"]["BillingMode"];
        assert_eq!(mode, "PAY_PER_REQUEST", "{id}");
    }
}

#[test]
fn what_is_kept_outlives_the_stack() {
    let tables = resources_of("AWS::DynamoDB::Table");
    for (id, kept) in tables.chain(resources_of("AWS::S3::Bucket")) {
        assert_eq!(kept["DeletionPolicy"], "Retain", "{id}");
        assert_eq!(kept["UpdateReplacePolicy"], "Retain", "{id}");
    }
}

#[test]
fn every_table_can_be_put_back_to_any_moment_and_is_encrypted() {
    for (id, table) in resources_of("AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        let recovery = &properties["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{id}");
        assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{id}");
    }
}

#[test]
fn no_bucket_is_public() {
    for (id, bucket) in resources_of("AWS::S3::Bucket") {
        let block = &bucket["Properties"]["PublicAccessBlockConfiguration"];
        for switch in [
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        ] {
            assert_eq!(block[switch], true, "{id}: {switch}");
        }
    }
}

#[test]
fn no_bucket_keeps_the_parts_of_uploads_that_nobody_completes() {
    for (id, bucket) in resources_of("AWS::S3::Bucket") {
        let rules = &bucket["Properties"]["LifecycleConfiguration"]["Rules"];
        let aborts = |rule: &serde_json::Value| {
            rule["Status"] == "Enabled"
                && rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
        };
        let mut rules = rules.as_array().into_iter().flatten();
        assert!(rules.any(aborts), "{id}");
    }
}

#[test]
fn every_function_ends_before_the_gateway_stops_waiting() {
    const GATEWAY_S_MAX: u64 = 29;
    for function in functions() {
        let is_asked = function.events().any(|event| event.kind == "Api");
        if is_asked {
            assert!(function.timeout_s() <= GATEWAY_S_MAX, "{}", function.id);
        }
    }
}
