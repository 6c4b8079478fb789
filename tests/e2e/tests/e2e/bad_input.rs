//! Bad input of every kind: the answer is a clear 4xx that names the field, and nothing is changed.

mod odd_values;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Cloud, send};

/// A body that is refused, and the field that the answer must name.
const GENERATIONS: &[(&str, &str, &str)] = &[
    ("flux-dev", r#"{}"#, "prompt"),
    ("flux-dev", r#"{"prompt":null}"#, "prompt"),
    ("flux-dev", r#"{"prompt":""}"#, "prompt"),
    ("flux-dev", r#"{"prompt":"   "}"#, "prompt"),
    ("flux-dev", r#"{"prompt":5}"#, "prompt"),
    ("flux-dev", r#"{"prompt":["x"]}"#, "prompt"),
    ("flux-dev", r#"{"prompt":"x\u0000y"}"#, "prompt"),
    ("flux-dev", r#"{"prompt":"x","propmt":"y"}"#, "propmt"),
    ("flux-dev", r#"{"prompt":"x","parameters":5}"#, "parameters"),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":[]}"#,
        "parameters",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"sed":1}}"#,
        "parameters.sed",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"seed":-1}}"#,
        "parameters.seed",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"seed":1.5}}"#,
        "parameters.seed",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"seed":"1"}}"#,
        "parameters.seed",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"seed":null}}"#,
        "parameters.seed",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"seed":99999999999999999999}}"#,
        "parameters.seed",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"num_images":0}}"#,
        "parameters.num_images",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"num_images":5}}"#,
        "parameters.num_images",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"num_images":true}}"#,
        "parameters.num_images",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"guidance_scale":20.5}}"#,
        "parameters.guidance_scale",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"image_size":"huge"}}"#,
        "parameters.image_size",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"image_size":{"width":1}}}"#,
        "parameters.image_size",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"sync_mode":true}}"#,
        "parameters.sync_mode",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"prompt":"y"}}"#,
        "parameters.prompt",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","parameters":{"enable_safety_checker":false}}"#,
        "parameters.enable_safety_checker",
    ),
    (
        "veo3",
        r#"{"prompt":"x","parameters":{"duration":8}}"#,
        "parameters.duration",
    ),
    (
        "veo3",
        r#"{"prompt":"x","parameters":{"duration":"9s"}}"#,
        "parameters.duration",
    ),
    (
        "veo3",
        r#"{"prompt":"x","parameters":{"aspect_ratio":"1:1"}}"#,
        "parameters.aspect_ratio",
    ),
    (
        "veo3",
        r#"{"prompt":"x","negative_prompt":7}"#,
        "negative_prompt",
    ),
    (
        "veo3",
        r#"{"prompt":"x","negative_prompt":""}"#,
        "negative_prompt",
    ),
    (
        "minimax-hailuo",
        r#"{"prompt":"x","parameters":{"duration":"6"}}"#,
        "parameters.duration",
    ),
    (
        "kling-video",
        r#"{"prompt":"x","parameters":{"cfg_scale":1.01}}"#,
        "parameters.cfg_scale",
    ),
    ("face-swap", r#"{}"#, "reference_file_id"),
    ("face-swap", r#"{"prompt":"x"}"#, "prompt"),
    (
        "flux-dev",
        r#"{"prompt":"x","max_credits":-1}"#,
        "max_credits",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","max_credits":1.5}"#,
        "max_credits",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","max_credits":"25"}"#,
        "max_credits",
    ),
    ("flux-dev", r#"{"prompt":"x","intent":"steal"}"#, "intent"),
    ("flux-dev", r#"{"prompt":"x","intent":"remix"}"#, "intent"),
    (
        "flux-dev",
        r#"{"prompt":"x","webhook_url":"http://169.254.169.254/"}"#,
        "webhook_url",
    ),
    (
        "flux-dev",
        r#"{"prompt":"x","user_id":"usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"}"#,
        "user_id",
    ),
    ("flux-dev", r#"{"prompt":"x","cost":0}"#, "cost"),
];

#[tokio::test]
async fn a_generation_that_cannot_be_made_as_asked_is_refused_by_field() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for (model, body, field) in GENERATIONS {
        let request = ada
            .request(Method::POST, &format!("/generations/{model}"))
            .header("content-type", "application/json")
            .body(*body);
        let answer = send(request).await;
        assert_eq!(answer.status, 422, "{model} {body}: {:?}", answer.body);
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(*field), "{model} {body}: {fields:?}");
    }
    for (field, characters) in [
        ("prompt", 2_001),
        ("negative_prompt", 1_001),
        ("change_description", 1_001),
    ] {
        let mut body = json!({"prompt": "x"});
        body[field] = json!("ä".repeat(characters));
        let fields = ada
            .post("/generations/veo3", &body)
            .await
            .problem(422, "validation_failed");
        assert!(fields.contains(field), "{fields:?}");
    }
    let longest = json!({"prompt": "ä".repeat(2_000)});
    assert_eq!(
        ada.post("/generations/flux-dev", &longest).await.status,
        202
    );
    assert_eq!(ada.books().await.lines().len(), 2);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_named_and_does_not_exist_is_named_in_the_answer() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for (field, id) in [
        ("parent_generation_id", "gen_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("parent_generation_id", "fil_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("parent_generation_id", ""),
        ("project_id", "prj_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("team_id", "team_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("team_id", "../x"),
        ("style_id", "sty_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("style_id", "prj_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ] {
        let mut body = json!({"prompt": "x"});
        body[field] = json!(id);
        let fields = ada
            .post("/generations/flux-dev", &body)
            .await
            .problem(404, "not_found");
        assert!(fields.contains(field), "{field} {id}: {fields:?}");
    }
    assert_eq!(ada.books().await.lines().len(), 1);
}

#[tokio::test]
async fn an_array_is_no_object_even_where_every_field_may_be_left_out() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for (method, path, body) in [
        (Method::PATCH, "/me", json!([null, null])),
        (
            Method::POST,
            "/me/api-keys",
            json!([null, null, null, null]),
        ),
        (Method::POST, "/auth/logout", json!([true])),
    ] {
        let answer = send(ada.request(method, path).json(&body)).await;
        let fields = answer.problem(422, "validation_failed");
        assert_eq!(fields, BTreeSet::from(["body".to_owned()]), "{path}");
    }
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn a_body_that_is_no_json_or_no_object_is_refused_everywhere() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let paths = [
        "/auth/register",
        "/auth/login",
        "/auth/refresh",
        "/generations/veo3",
        "/files",
        "/quotes",
        "/credits/redeem",
        "/credits/checkout",
    ];
    for path in paths {
        for (body, statuses) in [
            ("", &[400_u16][..]),
            ("{", &[400]),
            ("not json", &[400]),
            ("{\"a\":1}}", &[400]),
            // A number that no machine holds is not readable JSON.
            ("{\"prompt\":1e400}", &[400, 422]),
            ("[1,2]", &[422, 400]),
            ("5", &[422, 400]),
            ("null", &[422, 400]),
            ("\"text\"", &[422, 400]),
            ("{\"\\ud800\":1}", &[400, 422]),
            (deep.as_str(), &[400, 422]),
        ] {
            let request = ada
                .request(Method::POST, path)
                .header("content-type", "application/json");
            let answer = send(request.body(body.to_owned())).await;
            assert!(
                statuses.contains(&answer.status),
                "{path} {body:.20}: {:?}",
                answer.body
            );
            answer.shape();
        }
        let xml = ada
            .request(Method::POST, path)
            .header("content-type", "text/xml")
            .body("<a/>");
        send(xml).await.problem(415, "unsupported_media_type");
        let large = ada
            .request(Method::POST, path)
            .header("content-type", "application/json");
        let answer = send(large.body(format!("{{\"prompt\":\"{}\"}}", "x".repeat(300_000)))).await;
        answer.problem(413, "payload_too_large");
        let huge = ada
            .request(Method::POST, path)
            .header("content-type", "application/json");
        let answer = send(huge.body("x".repeat(7_000_000))).await;
        assert_eq!(answer.status, 413, "{path}");
    }
    assert_eq!(ada.books().await.lines().len(), 1);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_registration_that_cannot_be_is_refused_by_field() {
    let cloud = Cloud::start().await;
    let good = json!({"email": "ok@example.org", "password": "a long pass phrase"});
    let long = "x".repeat(129);
    for (field, value) in [
        ("email", json!(null)),
        ("email", json!("")),
        ("email", json!("nobody")),
        ("email", json!("a@b")),
        ("email", json!("a b@example.org")),
        ("email", json!(format!("{}@example.org", "x".repeat(300)))),
        ("email", json!({"$ne": ""})),
        ("password", json!(null)),
        ("password", json!("short")),
        ("password", json!(long)),
        ("password", json!("password1")),
        ("password", json!(12_345_678)),
        ("full_name", json!("")),
        ("full_name", json!("x".repeat(201))),
        ("full_name", json!("a\u{7}b")),
        ("plan", json!("enterprise")),
        ("is_admin", json!(true)),
        ("credits", json!(1_000_000)),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let answer = cloud.post("/auth/register", &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    // None of them made the account.
    assert_eq!(cloud.post("/auth/register", &good).await.status, 201);
}

#[tokio::test]
async fn a_file_that_may_not_be_uploaded_is_refused_by_field() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let good = json!({"purpose": "reference", "content_type": "image/png", "size": 10, "sha256": "0".repeat(64)});
    for (field, value) in [
        ("purpose", json!("avatar")),
        ("content_type", json!("application/x-sh")),
        ("size", json!(0)),
        ("size", json!(-1)),
        ("size", json!(20 * 1024 * 1024 + 1)),
        ("size", json!("10")),
        ("sha256", json!("0".repeat(63))),
        ("sha256", json!("G".repeat(64))),
        ("path", json!("../../etc/passwd")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let fields = ada
            .post("/files", &body)
            .await
            .problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    assert_eq!(ada.post("/files", &good).await.status, 201);
}

#[tokio::test]
async fn a_query_or_header_that_means_nothing_is_refused_by_name() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let id = ada.generate("flux-dev", "queried").await;
    for (path, field) in [
        ("/generations?limit=0".to_owned(), "limit"),
        ("/generations?limit=101".to_owned(), "limit"),
        ("/generations?limit=-1".to_owned(), "limit"),
        ("/generations?limit=ten".to_owned(), "limit"),
        ("/generations?limit=".to_owned(), "limit"),
        ("/generations?limit=1&limit=2".to_owned(), "limit"),
        ("/generations?status=done".to_owned(), "status"),
        ("/generations?kind=smell".to_owned(), "kind"),
        ("/generations?model=gpt".to_owned(), "model"),
        ("/generations?favorite=yes".to_owned(), "favorite"),
        ("/generations?parent_id=x".to_owned(), "parent_id"),
        ("/generations?sort=old".to_owned(), "sort"),
        ("/credits/transactions?limit=1000".to_owned(), "limit"),
        ("/credits/transactions?user_id=usr_1".to_owned(), "user_id"),
        (
            format!("/generations/{id}/media?expires_in=59"),
            "expires_in",
        ),
        (
            format!("/generations/{id}/media?expires_in=604801"),
            "expires_in",
        ),
        (
            format!("/generations/{id}/media?expires_in=NaN"),
            "expires_in",
        ),
    ] {
        let fields = ada.get(&path).await.problem(422, "validation_failed");
        assert!(fields.contains(field), "{path}: {fields:?}");
    }
    for key in ["", &"k".repeat(256), "t\tab"] {
        let body = json!({"prompt": "keyed"});
        let answer = ada.post_once("/generations/flux-dev", key, &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains("Idempotency-Key"), "{key:?}: {fields:?}");
    }
    for prefer in [
        "wait=x",
        "wait=-5",
        "wait=",
        "respond-async",
        "wait=99999999999999999999",
    ] {
        let request = ada
            .request(Method::POST, "/generations/flux-dev")
            .header("prefer", prefer);
        let answer = send(request.json(&json!({"prompt": "[[delay:1ms]]"}))).await;
        assert!(
            matches!(answer.status, 201 | 202),
            "{prefer}: {:?}",
            answer.body
        );
    }
}

#[tokio::test]
async fn a_malformed_message_comes_back_until_it_is_dead_and_is_never_taken_for_done() {
    let cloud = Cloud::start().await;
    cloud.expects_faults();
    for (worker, body) in [
        ("jobs-submit", json!({"generation_id": "gen_1"})),
        (
            "jobs-settle",
            json!({"generation_id": "usr_01J00000000000000000000001"}),
        ),
        ("jobs-mail", json!({"verify_email": {"user_id": ""}})),
        ("jobs-mail", json!({"reset_password": {"email": "nobody"}})),
        ("jobs-keys", json!({"seen": {"user_id": "usr_1"}})),
        ("jobs-keys", json!({"something": {}})),
    ] {
        let message = json!({"messageId": "m", "receiptHandle": "r", "body": body.to_string()});
        let event = json!({ "Records": [message] }).to_string();
        let reply = cloud.stack.invoke(worker, event).await.unwrap();
        let reply: Value = serde_json::from_slice(&reply).unwrap();
        let back = json!([{"itemIdentifier": "m"}]);
        assert_eq!(reply["batchItemFailures"], back, "{worker} took {body}");
    }
}
