//! Users' statements about themselves.

use serde_json::{Value, json};

use crate::harness::Cloud;

#[tokio::test]
async fn a_profile_changes_only_where_it_is_said_and_only_for_its_owner() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let before = ada.get("/me").await.expect(200);
    assert_eq!(before["avatar_url"], Value::Null);
    let url = "https://example.org/ada.png?size=2";
    let changed = ada
        .patch(
            "/me",
            &json!({"full_name": " Ada King ", "avatar_url": url}),
        )
        .await
        .expect(200);
    assert_eq!(
        (&changed["full_name"], &changed["avatar_url"]),
        (&json!("Ada King"), &json!(url))
    );
    let changed = ada
        .patch("/me", &json!({"full_name": null}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["full_name"], &changed["avatar_url"]),
        (&Value::Null, &json!(url))
    );
    assert_eq!(ada.patch("/me", &json!({})).await.expect(200), changed);
    assert_eq!(ada.get("/me").await.expect(200), changed);
    for same in [
        "id",
        "email",
        "email_verified",
        "plan",
        "is_admin",
        "created_at",
    ] {
        assert_eq!(changed[same], before[same], "{same}");
    }
    let hers = eve.get("/me").await.expect(200);
    assert_eq!(
        (&hers["full_name"], &hers["avatar_url"]),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_profile_takes_nothing_that_is_not_its_owners_to_say() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let before = ada.get("/me").await.expect(200);
    for (field, value) in [
        ("avatar_url", json!("http://example.org/a.png")),
        ("avatar_url", json!("javascript:alert(1)")),
        (
            "avatar_url",
            json!(format!("https://example.org/{}", "x".repeat(2_048))),
        ),
        ("avatar_url", json!(7)),
        ("full_name", json!("")),
        ("full_name", json!("x".repeat(201))),
        ("email", json!("admin@example.org")),
        ("email_verified", json!(true)),
        ("is_admin", json!(true)),
        ("plan", json!("enterprise")),
        ("suspended", json!(false)),
        ("era", json!(9)),
    ] {
        let answer = ada.patch("/me", &json!({field: value})).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{field}: {fields:?}");
    }
    assert_eq!(ada.get("/me").await.expect(200), before);
    let (_, secret) = {
        let key = ada.post("/me/api-keys", &json!({})).await;
        (key.text("id"), key.text("secret"))
    };
    let request = cloud
        .request(reqwest::Method::PATCH, "/me")
        .bearer_auth(&secret);
    let with_key = crate::harness::send(request.json(&json!({"full_name": "x"}))).await;
    with_key.problem(403, "forbidden");
}
