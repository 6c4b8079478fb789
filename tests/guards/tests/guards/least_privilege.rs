//! The permissions of functions: single actions on single resources of the template's own.

use std::collections::{BTreeMap, BTreeSet};

use regex_lite::Regex;
use serde_json::Value;

use crate::template::{Function, functions};

/// The functions that sign access tokens.
const SIGNERS: [&str; 3] = ["accounts-login", "accounts-refresh", "accounts-register"];
/// The functions that speak to the provider. Verifying its webhooks needs no key of ours.
const SPEAKERS: [&str; 2] = ["jobs-settle", "jobs-submit"];

/// The functions that book sign-up bonuses or count letters, and so must recognise a mailbox; and those that
/// need the secrets of webhooks, which are derived from the same key.
const GIVERS: [&str; 9] = [
    "accounts-password-reset-confirm",
    "accounts-register",
    "accounts-verify-email",
    "accounts-webhook-secret",
    "jobs-deliver",
    "jobs-mail",
    "jobs-purge",
    "webhooks-endpoints-create",
    "webhooks-endpoints-rotate",
];

/// The function that writes records over in their present form. It decides nothing that a record says.
const MIGRATOR: &str = "jobs-migrate";

/// The function that makes and deletes usage-plan keys.
const KEY_MAKER: &str = "jobs-keys";

/// One statement of a function's policies.
struct Statement {
    function: &'static str,
    body: &'static Value,
}

/// Reads every statement of every function. Fails on a policy in any other form.
fn statements() -> Vec<Statement> {
    let mut found = Vec::new();
    for function in functions() {
        for policy in policies(function) {
            let statements = policy["Statement"].as_array();
            let statements =
                statements.unwrap_or_else(|| panic!("{} borrows a policy: {policy}", function.id));
            found.extend(statements.iter().map(|body| Statement {
                function: function.binary(),
                body,
            }));
        }
    }
    assert!(!found.is_empty());
    found
}

/// A function's own policies, or those of the function whose role it shares.
fn policies(function: &'static Function) -> &'static [Value] {
    let role = &function.properties["Role"];
    let owner = if role.is_null() {
        function
    } else {
        assert!(function.properties["Policies"].is_null(), "{}", function.id);
        owner_of(role).unwrap_or_else(|| panic!("{} has a role of {role}", function.id))
    };
    let policies = &owner.properties["Policies"];
    match policies.as_array() {
        Some(policies) => policies,
        None => {
            assert!(policies.is_null(), "{} borrows a policy", function.id);
            &[]
        }
    }
}

/// The function for which SAM makes this role.
fn owner_of(role: &Value) -> Option<&'static Function> {
    let id = role["Fn::GetAtt"].as_str()?.strip_suffix("Role.Arn")?;
    let mut own = functions()
        .iter()
        .filter(|function| function.properties["Role"].is_null());
    own.find(|function| function.id == id)
}

/// The permissions of a function, whatever the form of its policies: each action on each resource.
fn permissions(function: &'static Function) -> BTreeSet<String> {
    let statements = policies(function)
        .iter()
        .flat_map(|policy| each(&policy["Statement"]));
    let permissions = statements.flat_map(|statement| {
        let pairs = each(&statement["Action"]).iter().flat_map(|action| {
            each(&statement["Resource"])
                .iter()
                .map(move |resource| (action, resource))
        });
        pairs.map(|(action, resource)| format!("{action} {resource} {}", statement["Condition"]))
    });
    permissions.collect()
}

/// One thing, or a list of them.
fn each(value: &Value) -> &[Value] {
    match value.as_array() {
        Some(items) => items,
        None => std::slice::from_ref(value),
    }
}

#[test]
fn every_role_is_spelled_out_statement_by_statement() {
    for Statement { function, body } in statements() {
        let keys: BTreeSet<&str> = body
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        // `NotAction` and `NotResource` are refused: they allow everything else.
        let wanted = BTreeSet::from(["Action", "Effect", "Resource"]);
        assert!(keys.is_superset(&wanted), "{function}");
        let more: Vec<_> = keys.difference(&wanted).collect();
        assert!(
            more.is_empty() || more == [&"Condition"],
            "{function}: {more:?}"
        );
        assert_eq!(body["Effect"], "Allow", "{function}");
    }
}

/// A further role is a further resource, and a stack may have 500.
#[test]
fn functions_that_may_do_the_same_share_a_role() {
    let mut owners = BTreeMap::new();
    for function in functions()
        .iter()
        .filter(|f| f.properties["Role"].is_null())
    {
        let other = owners.insert(permissions(function), &function.id);
        assert!(
            other.is_none(),
            "{} and {other:?} may do the same",
            function.id
        );
    }
}

#[test]
fn every_action_is_named_in_full() {
    let single = Regex::new("^[a-z0-9]+:[A-Za-z]+$").unwrap();
    for Statement { function, body } in statements() {
        for action in each(&body["Action"]) {
            let action = action.as_str().unwrap();
            assert!(single.is_match(action), "{function}: {action}");
        }
    }
}

#[test]
fn only_a_migration_may_scan_and_none_may_make_and_unmake_what_things_are_kept_in() {
    let banned = Regex::new("^dynamodb:(Scan|PartiQL.*)$|:(Create|Delete|Put|Update)(Table|Bucket.*|Queue|Parameter)$|^iam:").unwrap();
    for Statement { function, body } in statements() {
        for action in each(&body["Action"]) {
            let action = action.as_str().unwrap();
            let is_migration = function == MIGRATOR && action == "dynamodb:Scan";
            assert!(
                is_migration || !banned.is_match(action),
                "{function}: {action}"
            );
        }
    }
}

#[test]
fn every_permission_is_for_a_resource_of_our_own() {
    // The ARN of a resource, of something in it, or of one parameter of this account.
    let of_a_resource = Regex::new(r"^[A-Z]\w+\.Arn$").unwrap();
    // Of a bucket, some objects only: the fewer, the better.
    let in_a_resource =
        Regex::new(r"^\$\{[A-Z]\w+\.Arn\}/(\*|index/\w+|\*/[a-z]+-\*\.[a-z]+)$").unwrap();
    let a_parameter = Regex::new(
        r"^arn:\$\{AWS::Partition\}:ssm:\$\{AWS::Region\}:\$\{AWS::AccountId\}:parameter\$\{\w+\}$",
    )
    .unwrap();
    // API Gateway's keys have no names that a policy could ask for; a plan's members belong to the plan.
    let keys = Regex::new(
        r"^arn:\$\{AWS::Partition\}:apigateway:\$\{AWS::Region\}::/(apikeys(/\*)?|usageplans/\$\{[A-Z]\w+Plan\}/keys)$",
    )
    .unwrap();
    let of_mail = |body: &Value| body["Action"] == serde_json::json!(["ses:SendEmail"]);
    for Statement { function, body } in statements() {
        if of_mail(body) {
            continue;
        }
        for resource in each(&body["Resource"]) {
            let attribute = resource["Fn::GetAtt"].as_str();
            let text = resource["Fn::Sub"].as_str();
            let is_single = attribute.is_some_and(|name| of_a_resource.is_match(name))
                || text.is_some_and(|text| {
                    let forms = [&in_a_resource, &a_parameter, &keys];
                    forms.iter().any(|form| form.is_match(text))
                });
            assert!(is_single, "{function}: {resource}");
        }
    }
}

#[test]
fn mail_comes_from_the_one_sender_whoever_it_goes_to() {
    let mut senders = BTreeSet::new();
    for Statement { function, body } in statements() {
        let actions = each(&body["Action"]);
        if actions
            .iter()
            .any(|action| action.as_str().unwrap().starts_with("ses:"))
        {
            assert_eq!(body["Action"], serde_json::json!(["ses:SendEmail"]));
            // The sender is restricted by address and not by identity: SES asks for the recipient's identity,
            // too, where that is one of ours.
            let from =
                serde_json::json!({"StringEquals": {"ses:FromAddress": {"Ref": "MailSender"}}});
            assert_eq!(body["Condition"], from);
            senders.insert(function);
        }
    }
    assert_eq!(senders, BTreeSet::from(["jobs-mail"]));
}

#[test]
fn keys_are_made_by_one_worker_alone() {
    let mut makers = BTreeSet::new();
    for Statement { function, body } in statements() {
        let actions = each(&body["Action"]);
        if actions
            .iter()
            .any(|action| action.as_str().unwrap().starts_with("apigateway:"))
        {
            makers.insert(function);
        }
    }
    assert_eq!(makers, BTreeSet::from([KEY_MAKER]));
}

#[test]
fn the_audit_log_is_only_ever_added_to() {
    let mut found = 0;
    for Statement { function, body } in statements() {
        if !body["Resource"].to_string().contains("AuditTable") {
            continue;
        }
        for action in each(&body["Action"]) {
            let action = action.as_str().unwrap();
            let adds_or_reads = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"];
            assert!(adds_or_reads.contains(&action), "{function}: {action}");
            found += 1;
        }
    }
    assert!(found > 0, "nobody adds to the audit log");
}

/// It sees every request's credential: a fault in it must make nobody an admin.
#[test]
fn the_authorizer_writes_nothing_but_when_a_key_or_a_user_was_last_seen() {
    let mut own = statements();
    own.retain(|statement| statement.function == "accounts-authorize");
    let writes = own.iter().filter(|statement| {
        let actions = each(&statement.body["Action"]);
        !actions.contains(&Value::from("dynamodb:BatchGetItem"))
            && !actions.contains(&Value::from("sqs:SendMessage"))
    });
    let writes: Vec<_> = writes.map(|statement| statement.body).collect();
    let [write] = writes.as_slice() else {
        panic!("{writes:?}");
    };
    assert_eq!(write["Action"], serde_json::json!(["dynamodb:UpdateItem"]));
    let alone = serde_json::json!({
        "ForAllValues:StringEquals": {"dynamodb:Attributes": ["pk", "sk", "last_used_at_ms", "seen_on"]}
    });
    assert_eq!(write["Condition"], alone);
}

#[test]
fn reconciliation_writes_to_its_own_table_and_nobody_else_does() {
    let reads = ["dynamodb:GetItem", "dynamodb:Query"];
    for Statement { function, body } in statements() {
        let is_its_table = body["Resource"].to_string().contains("ReconciliationTable");
        let is_reconciliation = function == "jobs-reconcile";
        let mut actions = each(&body["Action"]).iter();
        let only_reads = actions.all(|action| reads.contains(&action.as_str().unwrap()));
        // A migration notes there how far it has come.
        if is_its_table != is_reconciliation && function != MIGRATOR {
            assert!(only_reads, "{function}: {body}");
        }
    }
}

#[test]
fn only_one_function_sets_what_models_are_offered_at() {
    let mut setters = BTreeSet::new();
    for Statement { function, body } in statements() {
        if !body["Resource"].to_string().contains("ModelsTable") {
            continue;
        }
        let reads =
            |action: &Value| action == "dynamodb:GetItem" || action == "dynamodb:BatchGetItem";
        if !each(&body["Action"]).iter().all(reads) {
            setters.insert(function);
        }
    }
    assert_eq!(setters, BTreeSet::from(["admin-models-update", MIGRATOR]));
}

#[test]
fn a_secret_is_read_only_by_those_who_need_it() {
    let readers = |name: &str| -> BTreeSet<&str> {
        let holds = |body: &Value| body["Resource"].to_string().contains(name);
        let statements = statements().into_iter();
        statements
            .filter(|statement| holds(statement.body))
            .map(|statement| statement.function)
            .collect()
    };
    assert_eq!(readers("${SigningKeysName}"), BTreeSet::from(SIGNERS));
    assert_eq!(readers("${FalKeyName}"), BTreeSet::from(SPEAKERS));
    assert_eq!(readers("${MailboxKeyName}"), BTreeSet::from(GIVERS));
    let seller = BTreeSet::from(["credits-checkout"]);
    assert_eq!(readers("${StripeKeyName}"), seller);
    let listener = BTreeSet::from(["webhooks-stripe"]);
    assert_eq!(readers("${StripeWebhookSecretName}"), listener);
}

/// SSM answers 40 reads a second to an account and Region, and a function reads its secrets once, when it
/// starts: 1,000 starts a minute are 17 a second.
#[test]
fn a_start_reads_two_secrets_at_most_and_a_third_where_newcomers_are_challenged() {
    let mut secrets: BTreeMap<&str, usize> = BTreeMap::new();
    for Statement { function, body } in statements() {
        if each(&body["Action"]).contains(&Value::from("ssm:GetParameter")) {
            *secrets.entry(function).or_default() += each(&body["Resource"]).len();
        }
    }
    for (function, count) in secrets {
        let most = if function == "accounts-register" {
            3
        } else {
            2
        };
        assert!(count <= most, "{function} reads {count}");
    }
}
