//! The operators' view: log lines that can be followed by one id, measurements, counters; and the metrics of
//! browsers.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::harness::{Cloud, eventually, send};

/// The measurements in the log, each with the function that made it.
fn measurements(cloud: &Cloud) -> Vec<(String, Value)> {
    let lines = cloud.stack.logs();
    let read = |line: &String| {
        let (function, text) = line.split_once(" | ")?;
        let measured: Value = serde_json::from_str(text).ok()?;
        measured["_aws"]
            .is_object()
            .then(|| (function.to_owned(), measured))
    };
    lines.iter().filter_map(read).collect()
}

/// Sums a measurement over all lines for which `fits` is true.
fn sum(cloud: &Cloud, name: &str, fits: impl Fn(&Value) -> bool) -> i64 {
    let measured = measurements(cloud);
    let values = measured
        .iter()
        .filter(|(_, line)| fits(line))
        .filter_map(|(_, line)| line[name].as_i64());
    values.sum()
}

/// Waits until a measurement comes to `expected`: a line may arrive after the answer.
async fn comes_to(cloud: &Cloud, name: &str, fits: impl Fn(&Value) -> bool, expected: i64) {
    eventually(name, || async {
        (sum(cloud, name, &fits) == expected).then_some(())
    })
    .await;
}

/// Waits until a line with all of these words was logged, and returns each that was.
async fn logged(cloud: &Cloud, words: &[&str]) -> Vec<String> {
    let has_all = |line: &String| words.iter().all(|word| line.contains(word));
    eventually("a line of the log", || async {
        let lines = cloud.stack.logs();
        let found: Vec<String> = lines.into_iter().filter(has_all).collect();
        (!found.is_empty()).then_some(found)
    })
    .await
}

#[tokio::test]
async fn every_line_about_a_job_names_the_request_that_asked_for_it() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let body = json!({"prompt": "to be followed"});
    let request = ada
        .request(Method::POST, "/generations/flux-dev")
        .json(&body);
    let made = send(request.header("x-request-id", "follow-me-1")).await;
    assert_eq!(made.header("x-request-id"), "follow-me-1");
    let id = made.text("id");
    ada.when(&id, "succeeded").await;

    let settled = logged(&cloud, &["settled", &id]).await;
    assert_eq!(settled.len(), 1, "{settled:#?}");
    // From the client to the submit worker, into the provider's callback, and
    // from there to the settle worker.
    assert!(settled[0].starts_with("jobs-settle"), "{settled:#?}");
    assert!(settled[0].contains("follow-me-1"), "{settled:#?}");
}

#[tokio::test]
async fn a_function_that_runs_out_of_time_says_so_before_lambda_stops_it() {
    let cloud = Cloud::with_admin().await;
    cloud.expects_faults();
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let code = json!({"code": "SLOWLY", "credits": 250, "max_redemptions": 1});
    admin.post("/admin/promo-codes", &code).await.expect(201);
    let redeem = || {
        let body = json!({"code": "SLOWLY"});
        let ada = &ada;
        async move { ada.post_once("/credits/redeem", "once", &body).await }
    };
    // It takes three calls, one after the other, and its function has ten seconds.
    cloud.stack.aws().watch_calls(Duration::from_millis(3_500));
    redeem().await.problem(500, "internal");
    logged(&cloud, &["credits-redeem", "time is nearly over"]).await;
    assert!(!cloud.everything_logged().contains("Task timed out"));

    // The credits were booked, and the same key finds them.
    cloud.stack.aws().watch_calls(Duration::ZERO);
    redeem().await.expect(201);
    let books = ada.books().await;
    assert_eq!(books.lines(), [("bonus", 1_000, 0), ("redeem", 250, 0)]);
}

#[tokio::test]
async fn a_setting_that_did_not_reach_the_functions_on_an_alias_is_told_until_it_did() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    let sweep = || async {
        let ran = cloud.act("schedules/jobs-sweep/run", &json!({})).await;
        assert_eq!(ran["status"], "succeeded", "{ran}");
        ran["result"]["stale_settings"].as_bool().unwrap()
    };
    assert!(!sweep().await);
    assert!(!sweep().await);

    // A deployment changes a setting without publishing a function.
    let db = cloud.dynamodb();
    let remember = |settings: &'static str| {
        let update = db.update_item().table_name("velro-local-generationstable");
        let update = update.key("id", AttributeValue::S("rollout#jobs-sweep".to_owned()));
        let update = update.update_expression("SET settings = :settings, versions[0] = :version");
        let update = update.condition_expression("attribute_exists(settings)");
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = update.expression_attribute_values(":settings", text(settings));
        update.expression_attribute_values(":version", text("1"))
    };
    remember("other").send().await.unwrap();
    assert!(sweep().await);
    assert!(sweep().await);
    comes_to(&cloud, "SettingsStale", |_| true, 2).await;
}

#[tokio::test]
async fn what_functions_do_and_what_becomes_of_jobs_is_measured() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let good = ada.generate("flux-dev", "measured").await;
    ada.when(&good, "succeeded").await;
    let bad = ada.generate("flux-dev", "[[fail]]").await;
    ada.when(&bad, "failed").await;

    let of = |outcome: &'static str| {
        move |line: &Value| line["Model"] == "flux-dev" && line["Outcome"] == outcome
    };
    for (outcome, captured, released) in [("succeeded", 25, 0), ("failed", 0, 25)] {
        comes_to(&cloud, "Jobs", of(outcome), 1).await;
        assert_eq!(sum(&cloud, "CreditsCaptured", of(outcome)), captured);
        assert_eq!(sum(&cloud, "CreditsReleased", of(outcome)), released);
    }
    let registered = |line: &Value| line["Function"] == "accounts-register";
    assert_eq!(sum(&cloud, "Requests", registered), 1);
    assert_eq!(sum(&cloud, "ColdStarts", registered), 1);
    assert_eq!(sum(&cloud, "Errors", |_| true), 0);
    assert!(sum(&cloud, "Requests", |line| line["Function"] == "jobs-submit") >= 2);
    assert!(
        sum(&cloud, "Requests", |line| line["Function"]
            == "accounts-authorize")
            >= 1
    );

    // CloudWatch accepts each line: everything that the directive names is there, and is a number or a text.
    for (function, line) in measurements(&cloud) {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], "velro-local", "{function}");
        assert!(line["_aws"]["Timestamp"].is_i64(), "{function}");
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(line[dimension.as_str().unwrap()].is_string(), "{line}");
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_i64(), "{line}");
        }
    }
}

#[tokio::test]
async fn admins_and_nobody_else_read_the_platforms_counters() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let read = || async {
        let answer = admin.request(Method::GET, "/metrics").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let media_type = answer.headers()["content-type"].to_str().unwrap();
        assert!(media_type.starts_with("text/plain; version=0.0.4"));
        answer.text().await.unwrap()
    };
    assert_eq!(read().await, "");
    let id = ada.generate("flux-dev", "counted").await;
    ada.when(&id, "succeeded").await;
    cloud.reconcile(&json!({})).await;
    let text = read().await;
    for line in [
        "velro_wallets 2",
        "velro_credits_available 1975",
        "velro_credits_held 0",
        "velro_credits_granted_total 2000",
        "velro_credits_spent_total 25",
        "velro_jobs_in_flight 0",
        "velro_bookings_total 4",
        "velro_books_broken 0",
        "# TYPE velro_credits_spent_total counter",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in {text}");
    }
    ada.get("/metrics").await.problem(403, "forbidden");
    cloud.get("/metrics").await.problem(401, "unauthorized");
}

#[tokio::test]
async fn every_answer_tells_a_browser_how_to_treat_it() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let check = |headers: &HeaderMap, of: &str| {
        for (name, value) in [
            (
                "strict-transport-security",
                "max-age=63072000; includeSubDomains",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
        ] {
            let found = headers.get(name).map(|value| value.to_str().unwrap());
            assert_eq!(found, Some(value), "{name} of {of}");
        }
    };
    check(&ada.get("/me").await.headers, "an answer");
    check(
        &ada.get("/generations/gen_0").await.headers,
        "a function's refusal",
    );
    check(&cloud.get("/me").await.headers, "the gateway's refusal");
    check(&cloud.get("/nothing").await.headers, "an unknown route");
    let json = ada.get("/me").await;
    assert_eq!(
        json.header("content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'"
    );
    let page = cloud.request(Method::GET, "/docs").send().await.unwrap();
    check(page.headers(), "the docs page");
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("script-src 'self'"), "{policy}");
}
