//! Values that no field expects, in every field of the endpoints that make or spend something.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Cloud, send};

/// Values that no field expects.
fn odd_values() -> [Value; 15] {
    [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}"),
        json!("\u{202e}\u{feff}"),
        json!("a".repeat(20_000)),
        json!([]),
        json!([[[[]]]]),
        json!({}),
        json!({"": {"": {}}}),
        json!("gen_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
    ]
}

/// Tries unforeseen bodies: valid ones with one part replaced by something else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_odd_value_in_any_field_is_answered_with_a_500() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let odd = odd_values();
    let whole = json!({
        "prompt": "x", "negative_prompt": "y", "parameters": {"seed": 1, "duration": "4s"},
        "reference_file_id": "x", "project_id": "x", "team_id": "x", "style_id": "x", "parent_generation_id": "x",
        "intent": "fork", "change_description": "x", "max_credits": 1, "quote_id": "x", "webhook_url": "x",
        "email": "a@b.de", "password": "x", "full_name": "x", "refresh_token": "x",
        "purpose": "reference", "content_type": "image/png", "size": 1, "sha256": "x",
    });
    let fields: Vec<_> = whole.as_object().unwrap().keys().cloned().collect();
    let paths = [
        "/auth/register",
        "/auth/login",
        "/auth/refresh",
        "/generations/veo3",
        "/files",
    ];
    for path in paths {
        let bodies = fields.iter().flat_map(|field| {
            odd.iter()
                .map(move |value| json!({"prompt": "x", field.as_str(): value}))
        });
        let bodies: Vec<Value> = bodies.collect();
        for chunk in bodies.chunks(16) {
            let answers =
                futures::future::join_all(chunk.iter().map(|body| ada.post(path, body))).await;
            for (answer, body) in answers.iter().zip(chunk) {
                assert!(answer.status < 500, "{path} {body:.200}: {:?}", answer.body);
                if answer.status >= 400 {
                    answer.shape();
                }
            }
        }
    }
    ada.books().await;
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_odd_value_moves_a_credit_or_is_answered_with_a_500() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let url = "https://shop.example/";
    for (path, good) in [
        (
            "/quotes",
            json!({"model": "flux-dev", "prompt": "x", "parameters": {}, "quote_id": "x"}),
        ),
        ("/credits/redeem", json!({"code": "NEVER-WAS"})),
        (
            "/credits/checkout",
            json!({"pack": "starter", "success_url": url, "cancel_url": url}),
        ),
        (
            "/admin/promo-codes",
            json!({"code": "x", "credits": 1, "max_redemptions": 1, "expires_at": "x"}),
        ),
        (
            "/admin/credits/grants",
            json!({"user_id": ada.id, "amount": 0, "reason": ""}),
        ),
        (
            "/admin/models/veo3",
            json!({"credits": 500, "available": true}),
        ),
    ] {
        let method = if path.starts_with("/admin/models/") {
            Method::PATCH
        } else {
            Method::POST
        };
        let fields = good.as_object().unwrap().keys();
        for (field, value) in fields.flat_map(|field| odd_values().map(|value| (field, value))) {
            let mut body = good.clone();
            body[field] = value;
            let answer = send(admin.request(method.clone(), path).json(&body)).await;
            assert!(answer.status < 500, "{path} {body:.200}: {:?}", answer.body);
            if answer.status >= 400 {
                answer.shape();
            }
        }
    }
    for person in [&admin, &ada] {
        assert_eq!(person.books().await.lines().len(), 1);
    }
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
