//! The acts of an admin that belong to no other act, done once.

use reqwest::Method;
use serde_json::{Value, json};

use super::act;
use crate::calls::Sheet;
use crate::harness::Person;

/// The admin looks at what admins see, and sets a price.
pub async fn administers(sheet: &mut Sheet<'_>, admin: &Person<'_>, round: usize) {
    let price = json!({"credits": 280 + round});
    for (function, method, path, body) in [
        ("admin-audit", Method::GET, "/admin/audit", &Value::Null),
        (
            "admin-promos-list",
            Method::GET,
            "/admin/promo-codes",
            &Value::Null,
        ),
        (
            "admin-reconciliation",
            Method::GET,
            "/admin/reconciliation",
            &Value::Null,
        ),
        (
            "admin-models-update",
            Method::PATCH,
            "/admin/models/wan-pro",
            &price,
        ),
    ] {
        sheet
            .note(&[function], act(admin, method, path, body))
            .await;
    }
}

/// The admin looks after Ada.
pub async fn helps(sheet: &mut Sheet<'_>, admin: &Person<'_>, ada: &Person<'_>) {
    let id = ada.generate("flux-dev", "A green fox").await;
    ada.when(&id, "succeeded").await;
    let team = act(ada, Method::POST, "/teams", &json!({"name": "Owls"})).await;
    let team = team["id"].as_str().unwrap();
    let reason = json!({"reason": "Sorry"});
    let get = Method::GET;
    for (function, method, path, body) in [
        (
            "admin-users-list",
            get.clone(),
            format!("/admin/users?email={}", ada.email),
            &Value::Null,
        ),
        (
            "admin-users-get",
            get.clone(),
            format!("/admin/users/{}", ada.id),
            &Value::Null,
        ),
        (
            "admin-teams-get",
            get,
            format!("/admin/teams/{team}"),
            &Value::Null,
        ),
        (
            "admin-users-unlock",
            Method::POST,
            format!("/admin/users/{}/unlock", ada.id),
            &Value::Null,
        ),
        (
            "admin-generations-refund",
            Method::POST,
            format!("/admin/generations/{id}/refund"),
            &reason,
        ),
    ] {
        sheet
            .note(&[function], act(admin, method, &path, body))
            .await;
    }
    act(ada, Method::DELETE, &format!("/teams/{team}"), &Value::Null).await;
}
