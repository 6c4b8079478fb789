//! The usage plans: what each promises is what the template says, and nobody calls uncounted.

use std::collections::{BTreeMap, BTreeSet};

use domain::accounts::Plan;
use domain::catalogue;
use serde_json::{Value, json};

use crate::template::{document, resources, resources_of, routes};

/// Requests a second, at once, and a day, of each plan: what its users pay for.
const PLANS: [(Plan, u64, u64, Option<u64>); 4] = [
    (Plan::Free, 2, 20, Some(5_000)),
    (Plan::Basic, 5, 40, Some(20_000)),
    (Plan::Pro, 20, 100, Some(200_000)),
    (Plan::Enterprise, 100, 400, None),
];

/// `Free` for `free`.
fn capital(plan: Plan) -> String {
    let name = plan.as_str();
    name[..1].to_uppercase() + &name[1..]
}

fn properties(id: &str) -> &'static Value {
    &resources()[id]["Properties"]
}

#[test]
fn there_is_a_usage_plan_for_each_plan_and_it_limits_as_promised() {
    let declared: BTreeSet<&str> = resources_of("AWS::ApiGateway::UsagePlan")
        .map(|(id, _)| id.as_str())
        .collect();
    let expected: Vec<String> = PLANS
        .iter()
        .map(|(plan, ..)| capital(*plan) + "Plan")
        .collect();
    assert_eq!(declared, expected.iter().map(String::as_str).collect());
    for (plan, rate, burst, quota) in PLANS {
        let declared = properties(&(capital(plan) + "Plan"));
        let overall = json!({"RateLimit": rate, "BurstLimit": burst});
        assert_eq!(declared["Throttle"], overall, "{plan:?}");
        let quota = quota.map(|limit| json!({"Limit": limit, "Period": "DAY"}));
        assert_eq!(declared["Quota"], quota.unwrap_or_default(), "{plan:?}");
        let stages = declared["ApiStages"].as_array().unwrap();
        assert_eq!(stages.len(), 1);
        assert_eq!(stages[0]["ApiId"], json!({"Ref": "Api"}));
        assert_eq!(stages[0]["Stage"], json!({"Ref": "Api.Stage"}));
    }
}

#[test]
fn in_every_plan_each_model_has_the_rate_that_the_catalogue_shows() {
    for (plan, ..) in PLANS {
        let declared = properties(&(capital(plan) + "Plan"));
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
            // So that of N a minute at least N-1 pass in the first, and fewer than 2N.
            assert_eq!(burst, a_minute - 1.0, "{route}");
            assert!(rate * 60.0 <= a_minute, "{route}: {rate}");
            assert!(rate * 60.0 > a_minute - 0.02, "{route}: {rate}");
        }
    }
}

#[test]
fn each_plan_has_a_shared_key_which_every_function_knows_by_its_value() {
    let environment = &document()["Globals"]["Function"]["Environment"]["Variables"];
    let mut values = BTreeSet::new();
    for (plan, ..) in PLANS {
        let name = capital(plan);
        let key = properties(&format!("{name}SharedKey"));
        assert_eq!(key["Enabled"], true);
        let variable = format!("SHARED_KEY_{}", plan.as_str().to_uppercase());
        assert_eq!(environment[&variable], key["Value"], "{plan:?}");
        assert!(values.insert(key["Value"].to_string()));
        let member = properties(&format!("{name}SharedKeyInPlan"));
        assert_eq!(member["UsagePlanId"], json!({"Ref": format!("{name}Plan")}));
        assert_eq!(member["KeyId"], json!({"Ref": format!("{name}SharedKey")}));
        assert_eq!(member["KeyType"], "API_KEY");
    }
    assert_eq!(resources_of("AWS::ApiGateway::ApiKey").count(), PLANS.len());
}

#[test]
fn every_caller_is_counted_and_no_stranger_is_asked_for_a_key() {
    let api = properties("Api");
    // A header would let a caller be counted as somebody else.
    assert_eq!(api["ApiKeySourceType"], "AUTHORIZER");
    assert_eq!(api["Auth"]["ApiKeyRequired"], true);
    assert_eq!(api["Auth"]["AddApiKeyRequiredToCorsPreflight"], false);
    for route in routes() {
        let said = &route.event["Auth"]["ApiKeyRequired"];
        let name = format!("{} {}", route.method, route.path);
        if route.is_public && route.method != "OPTIONS" {
            assert_eq!(said, &json!(false), "{name}");
        } else {
            assert!(said.is_null(), "{name}");
        }
    }
}
