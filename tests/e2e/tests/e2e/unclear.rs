//! Incomplete and unclear answers of the database, which are asked for again. A transaction that is still
//! under way by the database's word is never reported as one without effect: its client gets its outcome.

use reqwest::Method;
use serde_json::json;

use crate::api_keys::make;
use crate::harness::{Cloud, PASSWORD, Person, send, token_in};

/// More tries than the SDK makes by itself.
const TRIES: u32 = 4;

#[tokio::test]
async fn everything_is_done_once_and_told_as_done_while_every_transaction_is_unclear() {
    let cloud = Cloud::with_admin().await;
    let admin = cloud.admin().await;
    cloud
        .act(&format!("dynamodb/unclear/{TRIES}"), &json!({}))
        .await;

    let ada = Person::register_as(&cloud, "ada@example.org").await;
    let ada = ada.sign_in(PASSWORD).await;
    let letters = cloud
        .letters(&ada.email, "Verify your e-mail address", 1)
        .await;
    let token = json!({"token": token_in(&letters[0])});
    assert_eq!(ada.post("/auth/verify-email", &token).await.status, 204);
    let (key, _) = make(&ada, &json!({})).await;
    assert_eq!(ada.delete(&format!("/me/api-keys/{key}")).await.status, 204);
    let project = ada.post("/projects", &json!({"name": "foxes"})).await;
    assert_eq!(project.status, 201, "{:?}", project.body);
    let project = format!("/projects/{}", project.text("id"));
    assert_eq!(ada.delete(&project).await.status, 204);
    let grant = json!({"user_id": ada.id, "amount": 50, "reason": "for the trouble"});
    assert_eq!(
        admin.post("/admin/credits/grants", &grant).await.status,
        201
    );
    let plan = json!({"plan": "pro"});
    admin
        .patch(&format!("/admin/users/{}", ada.id), &plan)
        .await
        .expect(200);

    let order = json!({"prompt": "once [[delay:1ms]]"});
    let made = ada
        .post_once("/generations/flux-dev", "key-1", &order)
        .await;
    assert_eq!(made.status, 202, "{:?}", made.body);
    ada.when_swept(&made.text("id"), "succeeded").await;
    let books = ada.books().await;
    for kind in ["bonus", "grant", "hold", "capture"] {
        assert_eq!(books.count(kind), 1, "{kind}: {:?}", books.lines());
    }
    assert_eq!(cloud.provider_jobs("once").await.len(), 1);
    let change = json!({"current_password": PASSWORD, "new_password": "another long pass phrase"});
    assert_eq!(ada.post("/me/password", &change).await.status, 204);
    let again = ada.sign_in("another long pass phrase").await;
    assert_eq!(
        again
            .post("/auth/logout", &json!({"all": true}))
            .await
            .status,
        204
    );
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

#[tokio::test]
async fn what_a_busy_partition_does_not_give_at_once_is_asked_for_again() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let project = ada.post("/projects", &json!({"name": "foxes"})).await;
    let body = json!({"prompt": "a fox", "project_id": project.text("id")});
    // Each of the next calls reads several items: of the caller, of an order, of a page's projects.
    for left_out in [1, 3] {
        cloud.stack.forget_callers();
        cloud.stack.aws().partial_batches(left_out);
        let ordered = ada.post("/generations/flux-dev", &body).await;
        assert_eq!(ordered.status, 202, "{:?}", ordered.body);
        ada.when(&ordered.text("id"), "succeeded").await;
    }
    let (key, secret) = make(&ada, &json!({})).await;
    cloud.stack.aws().partial_batches(1);
    let listed = ada.get("/me/api-keys").await.expect(200);
    assert_eq!(listed["data"][0]["id"], json!(key));
    cloud.stack.aws().partial_batches(2);
    let request = cloud.request(Method::GET, "/credits").bearer_auth(secret);
    send(request).await.expect(200);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
