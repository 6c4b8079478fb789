//! The usage plans: the template keeps each plan's promise, and nobody calls uncounted.

use std::collections::{BTreeMap, BTreeSet};

use domain::catalogue;
use domain::plans::Plan;
use domain::usage_keys::shared_key_value;
use serde_json::{Value, json};

use crate::template::{document, resources, resources_of, routes};

/// The requests of each plan a second, at once, and a day: its users pay for these.
const PLANS: [(Plan, u64, u64, Option<u64>); 4] = [
    (Plan::Free, 2, 20, Some(5_000)),
    (Plan::Basic, 5, 40, Some(20_000)),
    (Plan::Pro, 20, 100, Some(200_000)),
    (Plan::Enterprise, 100, 400, None),
];

/// Writes `Free` for `free`.
fn capital(plan: Plan) -> String {
    let name = plan.as_str();
    name[..1].to_uppercase() + &name[1..]
}

/// The usage plans by name: those of one user, and those of users who share a key and who together may call
/// five times as much.
fn usage_plans() -> impl Iterator<Item = (String, (Plan, u64, u64, Option<u64>), u64)> {
    PLANS.into_iter().flat_map(|promise| {
        let name = capital(promise.0);
        let own = (format!("{name}Plan"), promise, 1);
        [own, (format!("{name}SharedPlan"), promise, 5)]
    })
}

fn properties(id: &str) -> &'static Value {
    &resources()[id]["Properties"]
}

#[test]
fn there_is_a_usage_plan_for_each_plan_and_it_limits_as_promised() {
    let declared: BTreeSet<&str> = resources_of("AWS::ApiGateway::UsagePlan")
        .map(|(id, _)| id.as_str())
        .collect();
    let expected: Vec<String> = usage_plans().map(|(id, ..)| id).collect();
    assert_eq!(declared, expected.iter().map(String::as_str).collect());
    for (id, (plan, rate, burst, quota), together) in usage_plans() {
        let declared = properties(&id);
        let overall = json!({"RateLimit": rate * together, "BurstLimit": burst * together});
        assert_eq!(declared["Throttle"], overall, "{plan:?}");
        let quota = quota.map(|limit| json!({"Limit": limit * together, "Period": "DAY"}));
        assert_eq!(declared["Quota"], quota.unwrap_or_default(), "{plan:?}");
        let stages = declared["ApiStages"].as_array().unwrap();
        assert_eq!(stages.len(), 1);
        assert_eq!(stages[0]["ApiId"], json!({"Ref": "Api"}));
        assert_eq!(stages[0]["Stage"], json!({"Ref": "Api.Stage"}));
    }
}

#[test]
fn in_every_plan_each_model_has_the_rate_that_the_catalogue_shows() {
    for (id, (plan, ..), _) in usage_plans() {
        let declared = properties(&id);
        let throttles = declared["ApiStages"][0]["Throttle"].as_object().unwrap();
        let models = catalogue::models().iter();
        let routes: BTreeMap<String, u32> = models
            .map(|model| {
                let route = format!("/generations/{}/POST", model.id);
                (route, model.rate_per_minute)
            })
            .collect();
        assert!(throttles.keys().eq(routes.keys()), "{plan:?}");
        for (route, limits) in throttles {
            let a_minute = f64::from(routes[route]);
            let rate = limits["RateLimit"].as_f64().unwrap();
            let burst = limits["BurstLimit"].as_f64().unwrap();
            // With this, at least N-1 of N a minute pass in the first minute, and fewer than 2N.
            assert_eq!(burst, a_minute - 1.0, "{route}");
            assert!(rate * 60.0 <= a_minute, "{route}: {rate}");
            assert!(rate * 60.0 > a_minute - 0.02, "{route}: {rate}");
        }
    }
}

#[test]
fn each_plan_has_a_first_shared_key_which_every_function_knows_by_its_value() {
    let environment = &document()["Globals"]["Function"]["Environment"]["Variables"];
    let prefix = environment["SHARED_KEY_PREFIX"]["Fn::Sub"]
        .as_str()
        .unwrap();
    // API Gateway accepts values of 20 characters and more.
    assert!(shared_key_value(&prefix.replace("${AWS::StackName}", "s"), Plan::Pro, 0).len() >= 20);
    for (plan, ..) in PLANS {
        let name = capital(plan);
        let key = properties(&format!("{name}SharedKey"));
        assert_eq!(key["Enabled"], true);
        let value = key["Value"]["Fn::Sub"].as_str().unwrap();
        assert_eq!(value, shared_key_value(prefix, plan, 0));
        let member = properties(&format!("{name}SharedKeyInPlan"));
        assert_eq!(
            member["UsagePlanId"],
            json!({"Ref": format!("{name}SharedPlan")})
        );
        assert_eq!(member["KeyId"], json!({"Ref": format!("{name}SharedKey")}));
        assert_eq!(member["KeyType"], "API_KEY");
    }
    assert_eq!(resources_of("AWS::ApiGateway::ApiKey").count(), PLANS.len());
}

#[test]
fn an_alarm_rings_when_seven_in_ten_of_the_keys_of_a_region_are_in_use() {
    const KEYS_A_REGION: f64 = 10_000.0;
    let alarm = properties("KeyStockAlarm");
    assert_eq!(alarm["MetricName"], "UsagePlanKeys");
    assert_eq!(alarm["Threshold"].as_f64(), Some(KEYS_A_REGION * 0.7));
}

#[test]
fn every_caller_is_counted_and_no_stranger_is_asked_for_a_key() {
    let api = properties("Api");
    // A header would let a caller be counted as somebody else.
    assert_eq!(api["ApiKeySourceType"], "AUTHORIZER");
    assert_eq!(api["Auth"]["ApiKeyRequired"], true);
    for route in routes() {
        let name = format!("{} {}", route.method, route.path);
        assert_eq!(route.is_counted, !route.is_public, "{name}");
    }
}
