//! The template's resources: none costs while nobody calls, and a mistake loses nothing that is kept.

use std::collections::BTreeSet;

use regex_lite::Regex;

use crate::template::{document, functions, resources, resources_of, visit_keys};
use crate::workspace::sources;

/// The permitted types. A new type must be decided on: does it cost while nothing happens?
const TYPES: [&str; 17] = [
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::UsagePlan",
    "AWS::ApiGateway::UsagePlanKey",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SES::ConfigurationSet",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::Serverless::Api",
    "AWS::Serverless::Function",
];
/// The permitted types of the events from which SAM makes resources.
const EVENT_TYPES: [&str; 2] = ["EventSourceMapping", "ScheduleV2"];
/// Settings that are paid for by the hour or month, on resources that are otherwise paid for by use.
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
fn bounces_and_complaints_are_suppressed_and_ring_before_ses_reviews_the_account() {
    let sets: Vec<_> = resources_of("AWS::SES::ConfigurationSet").collect();
    let [(_, set)] = sets.as_slice() else {
        panic!("not one configuration set: {sets:?}");
    };
    let suppressed = &set["Properties"]["SuppressionOptions"]["SuppressedReasons"];
    assert_eq!(suppressed, &serde_json::json!(["BOUNCE", "COMPLAINT"]));
    for (metric, reviewed_at) in [
        ("Reputation.BounceRate", 0.05),
        ("Reputation.ComplaintRate", 0.001),
    ] {
        let alarm = resources_of("AWS::CloudWatch::Alarm")
            .map(|(_, alarm)| &alarm["Properties"])
            .find(|alarm| alarm["MetricName"] == metric);
        let alarm = alarm.unwrap_or_else(|| panic!("no alarm for {metric}"));
        assert_eq!(alarm["Namespace"], "AWS/SES");
        assert!(
            alarm["Threshold"].as_f64().unwrap() < reviewed_at,
            "{metric}"
        );
        assert!(alarm["AlarmActions"].is_array(), "{metric}");
    }
}

#[test]
fn every_alarm_reaches_the_topic_and_has_a_runbook_and_every_runbook_an_alarm() {
    let runbooks = crate::workspace::text("RUNBOOKS.md");
    let alarms = resources_of("AWS::CloudWatch::Alarm");
    let alarms: BTreeSet<&str> = alarms
        .map(|(id, alarm)| {
            let to = &alarm["Properties"]["AlarmActions"];
            assert_eq!(to, &serde_json::json!([{"Ref": "Alarms"}]), "{id}");
            id.as_str()
        })
        .collect();
    let named = Regex::new(r"\b[A-Z]\w+Alarm\b").unwrap();
    let named: BTreeSet<&str> = named
        .find_iter(&runbooks)
        .map(|name| name.as_str())
        .collect();
    assert_eq!(alarms, named);
    for alarm in alarms
        .iter()
        .filter(|alarm| !alarm.ends_with("DeadLettersAlarm"))
    {
        let heading = format!("## {alarm}\n\n");
        let (_, runbook) = runbooks
            .split_once(&heading)
            .unwrap_or_else(|| panic!("{alarm}"));
        let runbook = runbook.split("\n## ").next().unwrap_or_default();
        assert!(
            runbook.contains("\n5. "),
            "{alarm} has fewer than five steps"
        );
    }
}

#[test]
fn what_does_not_run_rings_too() {
    let alarm = |id: &str| &resources()[id]["Properties"];
    for (id, namespace, metric) in [
        ("GatewayFaultAlarm", "AWS/ApiGateway", "5XXError"),
        ("FunctionErrorsAlarm", "AWS/Lambda", "Errors"),
        ("ThrottlesAlarm", "AWS/Lambda", "Throttles"),
    ] {
        assert_eq!(alarm(id)["Namespace"], namespace, "{id}");
        assert_eq!(alarm(id)["MetricName"], metric, "{id}");
    }
    for id in ["SweepHeartbeatAlarm", "BooksHeartbeatAlarm"] {
        assert_eq!(alarm(id)["TreatMissingData"], "breaching", "{id}");
        assert_eq!(alarm(id)["ComparisonOperator"], "LessThanThreshold", "{id}");
    }
    // The metrics of an API are found by its name.
    let name = serde_json::json!({"Ref": "AWS::StackName"});
    assert_eq!(resources()["Api"]["Properties"]["Name"], name);
    assert_eq!(alarm("GatewayFaultAlarm")["Dimensions"][0]["Value"], name);
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
fn what_is_kept_outlives_the_stack_but_not_a_first_deployment_that_fails() {
    let tables = resources_of("AWS::DynamoDB::Table");
    for (id, kept) in tables.chain(resources_of("AWS::S3::Bucket")) {
        assert_eq!(kept["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(kept["UpdateReplacePolicy"], "Retain", "{id}");
    }
}

#[test]
fn the_role_that_an_account_has_once_is_set_on_wish_and_taken_from_nobody() {
    for id in ["ApiGatewayAccount", "ApiGatewayLogs"] {
        let resource = &resources()[id];
        assert_eq!(resource["Condition"], "SetsApiGatewayRole", "{id}");
        assert_eq!(resource["DeletionPolicy"], "RetainExceptOnCreate", "{id}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{id}");
    }
}

#[test]
fn media_deleted_by_mistake_are_there_for_a_week() {
    let media = &resources()["MediaBucket"]["Properties"];
    assert_eq!(media["VersioningConfiguration"]["Status"], "Enabled");
    let rules = media["LifecycleConfiguration"]["Rules"].as_array().unwrap();
    let forgets = |rule: &serde_json::Value| {
        rule["Status"] == "Enabled" && rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 7
    };
    assert!(rules.iter().any(forgets), "an erasure is complete then");
    // While an upload's address works, each use of it would leave a version.
    assert!(resources()["UploadsBucket"]["Properties"]["VersioningConfiguration"].is_null());
}

#[test]
fn executions_are_reserved_for_those_who_let_callers_and_payments_in() {
    let reserve = serde_json::json!({"Fn::If": [
        "ReservesExecutions", {"Ref": "ReservedExecutions"}, {"Ref": "AWS::NoValue"},
    ]});
    let reserved = functions().iter().filter(|function| {
        let own = &function.properties["ReservedConcurrentExecutions"];
        assert!(own.is_null() || *own == reserve, "{}", function.id);
        !own.is_null()
    });
    let reserved: Vec<&str> = reserved.map(|function| function.id.as_str()).collect();
    assert_eq!(
        reserved,
        ["AccountsAuthorize", "WebhooksFal", "WebhooksStripe"]
    );
    // A new account runs ten functions at once.
    let waiting = &document()["Parameters"]["WaitingExecutionsMax"]["Default"];
    assert_eq!(waiting, "4");
}

#[test]
fn a_name_that_no_policy_would_match_is_refused_by_the_template() {
    // A policy names a secret as `parameter${Name}`, so a name begins with a slash.
    for (name, parameter) in document()["Parameters"].as_object().unwrap() {
        if !name.ends_with("Name") {
            continue;
        }
        let pattern = parameter["AllowedPattern"].as_str().unwrap();
        let pattern = Regex::new(&format!("^(?:{pattern})$")).unwrap();
        assert!(pattern.is_match(parameter["Default"].as_str().unwrap()));
        for wrong in ["velro", "velro/key", "/", "/velro key", ""] {
            assert!(!pattern.is_match(wrong), "{name}: {wrong:?}");
        }
    }
}

#[test]
fn every_alarm_of_ours_watches_what_the_code_measures() {
    let sources = sources(&["shared/app/src", "functions"]);
    let own = serde_json::json!({"Ref": "AWS::StackName"});
    let mut watched = 0;
    for (id, alarm) in resources_of("AWS::CloudWatch::Alarm") {
        let alarm = &alarm["Properties"];
        if alarm["Namespace"] == own {
            let metric = format!("{}", alarm["MetricName"]);
            let mut lines = sources.iter().flat_map(|source| source.code());
            assert!(lines.any(|line| line.contains(&metric)), "{id}: {metric}");
            watched += 1;
        }
    }
    assert!(watched > 0);
}

#[test]
fn every_table_can_be_put_back_to_any_moment_and_protected_from_a_hand() {
    for (id, table) in resources_of("AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        let recovery = &properties["PointInTimeRecoverySpecification"];
        assert_eq!(recovery["PointInTimeRecoveryEnabled"], true, "{id}");
        let protects = serde_json::json!({"Fn::If": ["ProtectsTables", true, false]});
        assert_eq!(properties["DeletionProtectionEnabled"], protects, "{id}");
        // DynamoDB encrypts with its own key for nothing; this would be a key of KMS, which is paid for by
        // the call.
        assert!(properties["SSESpecification"].is_null(), "{id}");
    }
}

#[test]
fn no_bucket_is_reached_without_tls() {
    let policies: Vec<_> = resources_of("AWS::S3::BucketPolicy").collect();
    for (id, _) in resources_of("AWS::S3::Bucket") {
        let own = policies
            .iter()
            .map(|(_, policy)| &policy["Properties"])
            .find(|policy| policy["Bucket"]["Ref"].as_str() == Some(id));
        let own = own.unwrap_or_else(|| panic!("{id} has no policy"));
        let statement = &own["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], "Deny", "{id}");
        assert_eq!(statement["Principal"], "*", "{id}");
        assert_eq!(statement["Action"], "s3:*", "{id}");
        let all = [
            serde_json::json!({"Fn::GetAtt": format!("{id}.Arn")}),
            serde_json::json!({"Fn::Sub": format!("${{{id}.Arn}}/*")}),
        ];
        assert_eq!(statement["Resource"], serde_json::json!(all), "{id}");
        let insecure = serde_json::json!({"Bool": {"aws:SecureTransport": "false"}});
        assert_eq!(statement["Condition"], insecure, "{id}");
    }
}

#[test]
fn every_function_logs_where_logs_are_forgotten() {
    let global = &document()["Globals"]["Function"]["LoggingConfig"]["LogGroup"];
    assert_eq!(global["Ref"], "FunctionsLog");
    for (id, group) in resources_of("AWS::Logs::LogGroup") {
        assert!(group["Properties"]["RetentionInDays"].is_u64(), "{id}");
    }
    for function in functions() {
        assert!(
            function.properties["LoggingConfig"].is_null(),
            "{}",
            function.id
        );
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
        if function.is_called_by_gateway() {
            assert!(function.timeout_s() <= GATEWAY_S_MAX, "{}", function.id);
        }
    }
}
