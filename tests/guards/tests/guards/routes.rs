//! Template, functions, samples and catalogue are one set, and the API has exactly the intended routes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::template::{document, functions, routes};
use crate::{events, workspace};

/// The routes that the gateway opens to everybody.
const PUBLIC: [(&str, &str); 24] = [
    ("GET", "/"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/docs"),
    ("GET", "/docs/{asset}"),
    ("GET", "/health"),
    ("GET", "/media/{generation_id}/{name}"),
    ("GET", "/models"),
    ("GET", "/models/{model}"),
    ("GET", "/openapi.json"),
    ("HEAD", "/"),
    ("HEAD", "/docs"),
    ("HEAD", "/health"),
    ("HEAD", "/media/{generation_id}/{name}"),
    ("HEAD", "/models"),
    ("HEAD", "/openapi.json"),
    ("POST", "/auth/login"),
    ("POST", "/auth/password-reset"),
    ("POST", "/auth/password-reset/confirm"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/register"),
    ("POST", "/auth/verify-email"),
    ("POST", "/auth/verify-email/decline"),
    ("POST", "/webhooks/fal"),
    ("POST", "/webhooks/stripe"),
];

/// The public routes whose calls are limited only with all others together.
const WITHOUT_A_LIMIT_OF_THEIR_OWN: [(&str, &str); 12] = [
    // Their functions ask nobody.
    ("GET", "/"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/docs"),
    ("GET", "/docs/{asset}"),
    ("GET", "/openapi.json"),
    ("HEAD", "/"),
    ("HEAD", "/docs"),
    ("HEAD", "/openapi.json"),
    // A page shows many pictures at once, by addresses that are signed.
    ("GET", "/media/{generation_id}/{name}"),
    ("HEAD", "/media/{generation_id}/{name}"),
    // A flood of forged events must not keep out the real ones, which are signed.
    ("POST", "/webhooks/fal"),
    ("POST", "/webhooks/stripe"),
];

fn binaries_in_template() -> BTreeSet<String> {
    let binaries = functions().iter().map(|function| function.binary());
    binaries.map(str::to_owned).collect()
}

#[test]
fn the_template_names_exactly_the_binaries_that_are_built() {
    let built = workspace::functions().flat_map(|package| &package.targets);
    let built: BTreeSet<String> = built.map(|target| target.name.clone()).collect();
    assert_eq!(binaries_in_template(), built);
}

#[test]
fn every_function_has_a_sample_event_and_every_sample_a_function() {
    let samples: BTreeSet<String> = events::names().into_iter().collect();
    assert_eq!(samples, binaries_in_template());
}

#[test]
fn no_two_functions_run_the_same_binary() {
    // A copied `Binary` would silently ship the wrong program.
    assert_eq!(binaries_in_template().len(), functions().len());
}

#[test]
fn functions_stand_in_the_template_as_they_do_in_the_folders() {
    let text = workspace::text("template.yaml");
    let after = text.split("Binary: ").skip(1);
    let binaries: Vec<&str> = after
        .filter_map(|rest| rest.split([' ', '\n']).next())
        .collect();
    assert_eq!(binaries.len(), functions().len());
    for pair in binaries.windows(2) {
        assert!(pair[0] < pair[1], "{} stands after {}", pair[1], pair[0]);
    }
}

#[test]
fn every_function_is_named_for_its_binary() {
    for function in functions() {
        let words = function.binary().split('-');
        let camel: String = words
            .map(|word| word[..1].to_uppercase() + &word[1..])
            .collect();
        assert_eq!(function.id, camel);
    }
}

#[test]
fn every_function_is_built_from_the_workspace_in_the_same_way() {
    let global = &document()["Globals"]["Function"];
    assert_eq!(global["CodeUri"], ".");
    assert_eq!(global["Handler"], "bootstrap");
    for function in functions() {
        assert_eq!(
            function.metadata["BuildMethod"], "rust-cargolambda",
            "{}",
            function.id
        );
        for once in ["CodeUri", "Handler", "Runtime", "Architectures"] {
            assert!(
                function.properties[once].is_null(),
                "{} has a {once} of its own",
                function.id
            );
        }
    }
}

#[test]
fn what_strangers_may_call_has_a_limit_of_its_own_by_every_method() {
    let settings = &document()["Resources"]["Api"]["Properties"]["MethodSettings"];
    let limited: BTreeSet<(String, String)> = settings
        .as_array()
        .unwrap()
        .iter()
        .filter(|setting| setting["ResourcePath"] != "/*")
        .map(|setting| {
            let rate = setting["ThrottlingRateLimit"].as_u64().unwrap();
            assert!(rate <= 100, "{setting}");
            assert!(setting["ThrottlingBurstLimit"].is_u64(), "{setting}");
            let text = |name: &str| setting[name].as_str().unwrap().to_owned();
            let path = text("ResourcePath").replacen('/', "", 1).replace("~1", "/");
            (text("HttpMethod"), path)
        })
        .collect();
    let named = |(method, path): &(&str, &str)| ((*method).to_owned(), (*path).to_owned());
    let served: BTreeSet<_> = routes()
        .iter()
        .map(|it| named(&(it.method, it.path)))
        .collect();
    assert!(limited.is_subset(&served), "{limited:?}");
    let public: BTreeSet<_> = PUBLIC.iter().map(named).collect();
    let others: BTreeSet<_> = public.difference(&limited).cloned().collect();
    let expected: BTreeSet<_> = WITHOUT_A_LIMIT_OF_THEIR_OWN.iter().map(named).collect();
    assert_eq!(others, expected);
    // Nobody guesses a promo code.
    assert!(limited.contains(&named(&("POST", "/credits/redeem"))));
}

#[test]
fn no_route_is_served_twice() {
    let routes = routes();
    let different: BTreeSet<_> = routes
        .iter()
        .map(|route| (route.method, route.path))
        .collect();
    assert_eq!(different.len(), routes.len());
}

/// The functions that a role lets the gateway call, each by its alias if it has one.
fn callable(role: &str) -> Vec<String> {
    let role = &document()["Resources"][role]["Properties"];
    let trust = &role["AssumeRolePolicyDocument"]["Statement"];
    assert_eq!(trust.as_array().unwrap().len(), 1);
    assert_eq!(
        trust[0]["Principal"],
        json!({"Service": "apigateway.amazonaws.com"})
    );
    let policies = role["Policies"].as_array().unwrap();
    let statements = &policies[0]["PolicyDocument"]["Statement"];
    assert_eq!(
        (policies.len(), statements.as_array().unwrap().len()),
        (1, 1)
    );
    assert_eq!(statements[0]["Action"], json!(["lambda:InvokeFunction"]));
    let resources = statements[0]["Resource"].as_array().unwrap().iter();
    let name = |resource: &Value| {
        let name = resource["Ref"].as_str();
        let name = name.or_else(|| resource["Fn::GetAtt"].as_str()).unwrap();
        name.to_owned()
    };
    resources.map(name).collect()
}

#[test]
fn the_gateway_may_call_what_its_routes_name_and_nothing_else() {
    // IAM allows 10,240 characters in all policies of a role, and a function's ARN has up to 122 (its
    // quotas).
    const FUNCTIONS_MAX: usize = 80;
    let mut called: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for route in routes() {
        let function = route.function;
        let name = match function.properties["AutoPublishAlias"].is_null() {
            true => format!("{}.Arn", function.id),
            false => format!("{}.Alias", function.id),
        };
        called.entry(route.role).or_default().insert(name);
    }
    for (role, functions) in called {
        let callable = callable(role);
        assert!(callable.len() <= FUNCTIONS_MAX, "{role}");
        assert!(callable.is_sorted(), "{role} is not in order: {callable:?}");
        assert_eq!(callable, Vec::from_iter(functions), "{role}");
    }
}

#[test]
fn a_path_stands_in_the_template_where_the_alphabet_says() {
    let text = workspace::text("template.yaml");
    let paths: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("          "))
        .map(|line| line.trim_matches(['"', ':']))
        .filter(|line| line.starts_with('/'))
        .collect();
    assert!(paths.len() > 50 && paths.is_sorted(), "{paths:#?}");
}

#[test]
fn the_gateway_answers_every_preflight_and_asks_for_no_credential() {
    let api = &document()["Resources"]["Api"]["Properties"];
    assert_eq!(api["Cors"]["AllowOrigin"], "'*'");
    // A preflight carries no credential; with this header it would ask the browser to send one.
    assert!(api["Cors"]["AllowCredentials"].is_null());
    assert_eq!(api["Auth"]["AddDefaultAuthorizerToCorsPreflight"], false);
    assert_eq!(api["Auth"]["AddApiKeyRequiredToCorsPreflight"], false);
    assert!(routes().iter().all(|route| route.method != "OPTIONS"));
}

#[test]
fn a_stranger_reaches_only_what_is_meant_for_everybody() {
    let auth = &document()["Resources"]["Api"]["Properties"]["Auth"];
    assert_eq!(auth["DefaultAuthorizer"], "Caller");
    let public: BTreeSet<_> = routes()
        .iter()
        .filter(|route| route.is_public)
        .map(|route| (route.method, route.path))
        .collect();
    assert_eq!(public, BTreeSet::from(PUBLIC));
}

#[test]
fn the_catalogues_models_and_no_others_have_a_route() {
    let routes = routes();
    let posted: BTreeSet<&str> = routes
        .iter()
        .filter(|route| route.function.binary() == "generations-create")
        .map(|route| {
            assert_eq!(route.method, "POST");
            route.path.strip_prefix("/generations/").unwrap()
        })
        .collect();
    let models = domain::catalogue::models().iter().map(|model| model.id);
    assert_eq!(posted, models.collect());
}
