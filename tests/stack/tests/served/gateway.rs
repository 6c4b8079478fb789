//! The gateway: routes, events, authorizers, answers and limits.

use serde_json::Value;

use crate::harness::Cloud;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_its_function_as_a_proxy_event() {
    let cloud = Cloud::start().await;
    let answer = cloud
        .client
        .put(format!("{}/things/a%20b?x=1&x=2", cloud.stack.url()))
        .header("x-custom", "yes")
        .body("hello")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let two: Vec<_> = answer.headers().get_all("x-two").iter().collect();
    assert_eq!(two, ["a", "b"]);
    assert!(answer.headers().contains_key("x-amzn-requestid"));
    assert!(answer.headers().contains_key("x-amz-apigw-id"));
    let event: Value = answer.json().await.unwrap();
    assert_eq!(event["httpMethod"], "PUT");
    assert_eq!(event["resource"], "/things/{id}");
    assert_eq!(event["pathParameters"]["id"], "a b");
    assert_eq!(
        event["multiValueQueryStringParameters"]["x"],
        serde_json::json!(["1", "2"])
    );
    assert_eq!(event["headers"]["x-custom"], "yes");
    assert_eq!(event["body"], "hello");
    assert_eq!(event["requestContext"]["stage"], "v1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_function_has_exactly_the_environment_of_the_template_and_of_lambda() {
    let cloud = Cloud::start().await;
    let environment: Value = cloud.answer("/environment").await.json().await.unwrap();
    assert_eq!(environment["PUBLIC_URL"], cloud.stack.url());
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "main");
    assert_eq!(
        environment["AWS_ENDPOINT_URL"],
        cloud.stack.aws().endpoint()
    );
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    assert!(
        environment["PUBLIC_KEYS"]
            .as_str()
            .unwrap()
            .contains("keys")
    );
    let names: Vec<&str> = environment
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let expected = [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "LAMBDA_TASK_ROOT",
        "PATH",
        "PUBLIC_KEYS",
        "PUBLIC_URL",
        "QUEUE_URL",
        "TABLE",
        "TZ",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    ];
    assert_eq!(names, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_route_serves_is_answered_by_the_gateway() {
    let cloud = Cloud::start().await;
    let unknown = cloud.answer("/not/there").await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(
        unknown.headers()["content-type"],
        "application/problem+json"
    );
    assert_eq!(unknown.headers()["access-control-allow-origin"], "*");
    let id = unknown.headers()["x-amzn-requestid"]
        .to_str()
        .unwrap()
        .to_owned();
    let body: Value = unknown.json().await.unwrap();
    assert_eq!(
        body,
        serde_json::json!({ "code": "not_found", "request_id": id })
    );

    let wrong_stage = format!("{}/v2/things/1", cloud.stack.origin());
    let wrong_stage = cloud.client.get(wrong_stage).send().await.unwrap();
    assert_eq!(wrong_stage.status(), 403);
    assert_eq!(
        wrong_stage.text().await.unwrap(),
        r#"{"message":"Forbidden"}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_answers_a_preflight_itself_without_a_credential() {
    let cloud = Cloud::start().await;
    let asked = |path: &str| {
        let url = format!("{}{path}", cloud.stack.url());
        cloud.client.request(reqwest::Method::OPTIONS, url).send()
    };
    let answer = asked("/private").await.unwrap();
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "GET,OPTIONS"),
        ("access-control-allow-headers", "Authorization"),
        ("access-control-max-age", "600"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    assert_eq!(answer.text().await.unwrap(), "");

    // A path whose OPTIONS is served by a function keeps it.
    let own = asked("/no/such/path").await.unwrap();
    assert_eq!(own.status(), 200);
    assert!(!own.headers().contains_key("access-control-max-age"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorizer_decides_about_private_routes() {
    let cloud = Cloud::start().await;
    let cases = [
        ("alice", 200),
        ("deny", 403),
        ("unauthorized", 401),
        ("broken", 500),
        ("nonsense", 500),
        ("", 401),
    ];
    for (credential, status) in cases {
        let answer = cloud.answer_to(credential, "/private").await;
        assert_eq!(answer.status(), status, "{credential}");
    }
    let event: Value = cloud
        .answer_to("alice", "/private")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        event["requestContext"]["authorizer"]["principalId"],
        "alice"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_credential_the_authorizer_is_not_called() {
    let cloud = Cloud::start().await;
    let answer = cloud.answer("/private").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(
        answer.text().await.unwrap(),
        r#"{"message":"Unauthorized"}"#
    );
    assert_eq!(cloud.function("authorizer").await["cold_starts"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_the_authorizer_is_kept_for_every_route() {
    let cloud = Cloud::start().await;
    for path in ["/private", "/other", "/private"] {
        assert_eq!(cloud.answer_to("alice", path).await.status(), 200);
    }
    cloud
        .expect_logged("authorizer | authorizing alice", 1)
        .await;
    // A policy for one method is kept too, and does not allow the next one.
    assert_eq!(cloud.answer_to("narrow", "/private").await.status(), 200);
    assert_eq!(cloud.answer_to("narrow", "/other").await.status(), 403);
    // A failure is not kept.
    for _ in 0..2 {
        assert_eq!(cloud.answer_to("broken", "/private").await.status(), 500);
    }
    cloud
        .expect_logged("authorizer | authorizing broken", 2)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_ask_at_the_same_time_share_one_call_of_the_authorizer() {
    let cloud = Cloud::start().await;
    let asked = (0..20).map(|_| cloud.answer_to("bob", "/private"));
    let answers = futures::future::join_all(asked).await;
    assert!(answers.iter().all(|answer| answer.status() == 200));
    cloud.expect_logged("authorizer | authorizing bob", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_answer_or_an_error_is_a_502() {
    let cloud = Cloud::start().await;
    for path in ["/malformed", "/fail"] {
        let answer = cloud.answer(path).await;
        assert_eq!(answer.status(), 502, "{path}");
        assert_eq!(
            answer.text().await.unwrap(),
            r#"{"message":"Internal server error"}"#
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_are_limited_as_on_aws() {
    let cloud = Cloud::start().await;
    let url = format!("{}/size", cloud.stack.url());
    let post = |size_bytes: usize| cloud.client.post(&url).body("x".repeat(size_bytes)).send();
    assert_eq!(post(5_000_000).await.unwrap().status(), 200);
    assert_eq!(post(6_300_000).await.unwrap().status(), 413);
    assert_eq!(post(11_000_000).await.unwrap().status(), 413);
    assert_eq!(cloud.answer("/big?bytes=5000000").await.status(), 200);
    assert_eq!(cloud.answer("/big?bytes=6300000").await.status(), 502);
    let long = cloud
        .get("/things/1")
        .header("x-long", "y".repeat(10_241))
        .send()
        .await
        .unwrap();
    assert_eq!(long.status(), 431);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_does_not_wait_longer_than_the_integration_may_take() {
    let cloud = Cloud::start().await;
    let answer = cloud.answer("/impatient/slow?ms=5000").await;
    assert_eq!(answer.status(), 504);
    assert_eq!(
        answer.text().await.unwrap(),
        r#"{"message":"Endpoint request timed out"}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_answer_is_decoded_for_a_caller_who_accepts_it() {
    let cloud = Cloud::start().await;
    let image = cloud
        .get("/image")
        .header("accept", "image/png")
        .send()
        .await
        .unwrap();
    assert_eq!(image.bytes().await.unwrap().as_ref(), [0xff, 0x00]);
    assert_eq!(cloud.answer("/image").await.text().await.unwrap(), "/wA=");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_of_the_stage_limits_its_route_unless_it_is_off() {
    let cloud = Cloud::start().await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(cloud.answer("/throttled").await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);

    let options = stack::Options {
        no_throttle: true,
        ..crate::harness::options()
    };
    let cloud = Cloud::start_with(options).await;
    for _ in 0..3 {
        assert_eq!(cloud.answer("/throttled").await.status(), 200);
    }
}

/// Asks with this usage-plan key; returns the status and the body.
async fn counted(cloud: &Cloud, key: &str, path: &str) -> (u16, String) {
    let answer = cloud.answer_to(key, path).await;
    let status = answer.status().as_u16();
    let body = match status {
        200 => String::new(),
        _ => answer.text().await.unwrap(),
    };
    (status, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_usage_plan_limits_each_key_by_route_rate_and_quota() {
    let cloud = Cloud::start().await;
    let (alice, bob) = ("the-usage-key-of-alice", "the-usage-key-of-bobby");
    let passed = (200, String::new());
    let throttled = (429, r#"{"message":"Too Many Requests"}"#.to_owned());
    for expected in [&passed, &passed, &throttled] {
        assert_eq!(&counted(&cloud, alice, "/counted").await, expected);
    }
    // It has its own limits, until the quota of four a day is used up. The refused request did not count.
    for expected in [&passed, &passed] {
        assert_eq!(&counted(&cloud, alice, "/counted/apart").await, expected);
    }
    let used_up = (429, r#"{"message":"Limit Exceeded"}"#.to_owned());
    for path in ["/counted/apart", "/counted"] {
        assert_eq!(counted(&cloud, alice, path).await, used_up);
    }
    for expected in [&passed, &passed, &passed, &throttled] {
        assert_eq!(&counted(&cloud, bob, "/counted/apart").await, expected);
    }
    // A route that asks for no key counts nobody.
    assert_eq!(counted(&cloud, alice, "/private").await, passed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whose_key_is_in_no_plan_of_the_stage_is_refused_even_when_nothing_is_limited() {
    let options = stack::Options {
        no_throttle: true,
        ..crate::harness::options()
    };
    let cloud = Cloud::start_with(options).await;
    let refused = (403, r#"{"message":"Forbidden"}"#.to_owned());
    for key in [
        "alice",
        "the-usage-key-in-no-plan",
        "the-usage-key-that-is-off",
        "the-usage-key-of-nobody",
    ] {
        assert_eq!(counted(&cloud, key, "/counted").await, refused, "{key}");
    }
    // This API does not read the header.
    let named = cloud.get("/counted").header("authorization", "alice");
    let named = named.header("x-api-key", "the-usage-key-of-alice");
    assert_eq!(named.send().await.unwrap().status(), 403);
    for _ in 0..6 {
        let passed = counted(&cloud, "the-usage-key-of-alice", "/counted").await;
        assert_eq!(passed.0, 200);
    }
}
