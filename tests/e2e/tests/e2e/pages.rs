//! Lists: every row is on some page, and a forged cursor reveals nothing and breaks nothing.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::api_keys::make;
use crate::harness::{Answer, Cloud, Person};

/// A cursor with our own seal, which has no key, so that anybody can make one.
fn forged(binding: &str, place: &str) -> String {
    let digest = Sha256::new()
        .chain_update((binding.len() as u64).to_be_bytes())
        .chain_update(binding)
        .chain_update(place)
        .finalize();
    let mut bytes = digest[..12].to_vec();
    bytes.extend_from_slice(place.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The ids of all rows of a list, page by page.
pub async fn all(person: &Person<'_>, path: &str, limit: u32) -> Vec<String> {
    let sign = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{sign}limit={limit}");
    let (mut ids, mut path) = (Vec::new(), first.clone());
    loop {
        let page = person.get(&path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= limit as usize, "{path}");
        let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
        ids.extend(data.iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else {
            return ids;
        };
        path = format!("{first}&cursor={cursor}");
    }
}

fn largest_project(n: usize) -> Value {
    let value = "\u{1F98A}".repeat(60);
    let metadata: serde_json::Map<String, Value> = (0..20)
        .map(|key| (format!("key {key}"), json!(value)))
        .collect();
    json!({
        "name": format!("{n:03}{}", "\u{1F98A}".repeat(97)),
        "description": "\u{1F98A}".repeat(500),
        "tags": (0..10).map(|tag| format!("{tag}{}", "\u{1F98A}".repeat(49))).collect::<Vec<_>>(),
        "metadata": metadata,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_listed_page_by_page_although_the_rows_are_as_large_as_they_may_be() {
    const PROJECTS: usize = 101;
    let cloud = Cloud::start_with(&[("SignUpCredits", "100000")]).await;
    let ada = cloud.person().await;
    let mut made = BTreeSet::new();
    for tens in 0..11 {
        let numbers = (tens * 10..PROJECTS.min(tens * 10 + 10)).map(|n| {
            let ada = &ada;
            async move { ada.post("/projects", &largest_project(n)).await }
        });
        for answer in join_all(numbers).await {
            assert_eq!(answer.status, 201, "{:?}", answer.body);
            made.insert(answer.text("id"));
        }
    }
    assert_eq!(made.len(), PROJECTS);
    for limit in [100, 7] {
        let listed = all(&ada, "/projects", limit).await;
        assert_eq!(listed.len(), PROJECTS, "limit={limit}");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), made);
    }

    let prompt = format!("[[lost]]{}", "\u{1F98A}".repeat(1_980));
    let orders = (0..25).map(|_| ada.generate("flux-dev", &prompt));
    let orders: BTreeSet<_> = join_all(orders).await.into_iter().collect();
    for limit in [100, 4] {
        let listed = all(&ada, "/generations", limit).await;
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), orders);
        let entries = all(&ada, "/credits/transactions", limit).await;
        assert_eq!(entries.len(), 26);
    }
    for limit in [100, 4] {
        let held = rows(&ada, "/credits/holds", limit, "generation_id").await;
        assert_eq!(held.len(), 25, "limit={limit}");
        assert_eq!(held.into_iter().collect::<BTreeSet<_>>().len(), 25);
    }
}

/// The rows of a list, page by page, by one of their attributes.
async fn rows(person: &Person<'_>, path: &str, limit: u32, attribute: &str) -> Vec<String> {
    let sign = if path.contains('?') { '&' } else { '?' };
    let first = format!("{path}{sign}limit={limit}");
    let (mut rows, mut path) = (Vec::new(), first.clone());
    loop {
        let page = person.get(&path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        rows.extend(data.iter().map(|row| row[attribute].to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            return rows;
        };
        path = format!("{first}&cursor={cursor}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_and_key_holders_see_every_row_too_however_large() {
    const CODES: usize = 130;
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    for tens in 0..CODES / 10 {
        let made = (tens * 10..tens * 10 + 10).map(|n| {
            let code = format!("{n:03}-{}", "A".repeat(36));
            let code = json!({
                "code": code,
                "credits": 1_000_000,
                "max_redemptions": 1_000_000,
                "expires_at": "9999-12-31T23:59:59Z",
            });
            let admin = &admin;
            async move { admin.post("/admin/promo-codes", &code).await }
        });
        for answer in join_all(made).await {
            assert_eq!(answer.status, 201, "{:?}", answer.body);
        }
    }
    let mut keys = Vec::new();
    for n in 0..20 {
        let name = format!("{n:02}{}", "\u{1F98A}".repeat(98));
        let scopes = json!(["read", "generate"]);
        let body = json!({"name": name, "scopes": scopes, "credit_cap": 1_000_000});
        keys.push(make(&ada, &body).await.0);
    }
    for limit in [100, 7] {
        for path in ["/admin/promo-codes", "/admin/audit"] {
            let attribute = if path.ends_with("audit") {
                "sequence"
            } else {
                "code"
            };
            let listed = rows(&admin, path, limit, attribute).await;
            let distinct: BTreeSet<_> = listed.iter().collect();
            assert_eq!(distinct.len(), listed.len(), "{path}");
            assert_eq!(listed.len(), CODES, "{path}");
        }
        let listed = rows(&ada, "/me/api-keys", limit, "id").await;
        assert_eq!(listed.len(), keys.len());
        let acts = format!("/admin/audit?user_id={}", ada.id);
        assert_eq!(rows(&admin, &acts, limit, "sequence").await.len(), 21);
    }
}

/// The lists that these tests read to their end.
const READ: [&str; 25] = [
    "/admin/audit",
    "/admin/promo-codes",
    "/admin/users",
    "/credits/holds",
    "/credits/transactions",
    "/files",
    "/generations",
    "/generations/{generation_id}/collaborations",
    "/generations/{generation_id}/media",
    "/generations/{generation_id}/provenance",
    "/me/api-keys",
    "/models",
    "/projects",
    "/projects/{project_id}/teams",
    "/style-presets",
    "/styles",
    "/teams",
    "/teams/{team_id}/activity",
    "/teams/{team_id}/audit",
    "/teams/{team_id}/credits/transactions",
    "/teams/{team_id}/invitations",
    "/teams/{team_id}/members",
    "/teams/{team_id}/projects",
    "/webhook-endpoints",
    "/webhook-endpoints/{webhook_endpoint_id}/deliveries",
];

#[tokio::test]
async fn no_list_of_the_document_is_left_out_here() {
    let cloud = Cloud::start().await;
    let document = cloud.get("/openapi.json").await.expect(200);
    let paths = document["paths"].as_object().unwrap();
    let lists: BTreeSet<&str> = paths
        .iter()
        .filter(|(_, path)| path["get"].to_string().contains("next_cursor"))
        .map(|(path, _)| path.as_str())
        .collect();
    assert_eq!(lists, BTreeSet::from(READ));
}

#[tokio::test]
async fn every_list_is_paged() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let mut keys = Vec::new();
    for _ in 0..5 {
        keys.push(make(&ada, &json!({})).await.0);
    }
    keys.reverse();
    assert_eq!(all(&ada, "/me/api-keys", 2).await, keys);
    assert_eq!(all(&ada, "/models", 3).await.len(), 11);
    let presets: BTreeSet<String> = all(&ada, "/style-presets", 5).await.into_iter().collect();
    assert_eq!(presets.len(), 12);
    let mut hooks = Vec::new();
    for n in 0..5 {
        let hook = json!({"url": format!("http://127.0.0.1:9/{n}"), "events": ["credits.low"]});
        hooks.push(ada.post("/webhook-endpoints", &hook).await.text("id"));
    }
    hooks.reverse();
    assert_eq!(all(&ada, "/webhook-endpoints", 2).await, hooks);
    let hook = format!("/webhook-endpoints/{}", hooks[0]);
    let mut told = Vec::new();
    for _ in 0..5 {
        told.push(
            ada.post(&format!("{hook}/test"), &json!({}))
                .await
                .text("id"),
        );
    }
    told.reverse();
    assert_eq!(all(&ada, &format!("{hook}/deliveries"), 2).await, told);
    assert_eq!(all(&ada, &format!("{hook}/deliveries"), 5).await, told);
    let of_images = all(&ada, "/models?kind=image", 100).await;
    assert_eq!(all(&ada, "/models?kind=image", 1).await, of_images);
    for n in 0..3 {
        let code = json!({"code": format!("AUTUMN-{n}"), "credits": 5, "max_redemptions": 1});
        admin.post("/admin/promo-codes", &code).await.expect(201);
    }
    let page = admin.get("/admin/promo-codes?limit=2").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = admin
        .get(&format!("/admin/promo-codes?limit=2&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(next["data"].as_array().unwrap().len(), 1);

    let order = json!({"prompt": "four [[delay:1ms]]", "parameters": {"num_images": 4}});
    let four = ada.post("/generations/flux-dev", &order).await.expect(202);
    let id = four["id"].as_str().unwrap();
    ada.when(id, "succeeded").await;
    let mut path = format!("/generations/{id}/media?limit=3");
    let mut seen = Vec::new();
    loop {
        let page = ada.get(&path).await.expect(200);
        let rows = page["data"].as_array().unwrap();
        seen.extend(rows.iter().map(|row| row["sha256"].to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/generations/{id}/media?limit=3&cursor={cursor}");
    }
    assert_eq!(seen.len(), 4);
}

/// Places that a forged cursor may name.
const PLACES: [&str; 21] = [
    "",
    "~",
    "head",
    "0",
    "-1",
    "+1",
    "01",
    "1.5",
    "1",
    "2",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "x",
    "\u{1F98A}",
    "NaN",
    " ",
    "null",
    "gen_",
    "gen_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "gen_8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
];

/// Lists with the text that binds the cursors of the caller `me`, and the form of their places.
fn lists(me: &str) -> [(&'static str, String, &'static str); 8] {
    [
        (
            "/credits/transactions",
            format!("{me}/transactions"),
            "number",
        ),
        ("/credits/holds", format!("{me}/holds"), "gen_"),
        ("/projects", format!("{me}/projects"), "prj_"),
        ("/styles", format!("{me}/styles/{me}"), "sty_"),
        ("/style-presets", "style-presets".to_owned(), "number"),
        ("/me/api-keys", format!("{me}/api-keys"), "key_"),
        ("/models", "models?kind=".to_owned(), "number"),
        ("/admin/promo-codes", format!("{me}/promo-codes"), "number"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_somebody_made_up_is_refused_or_shows_what_is_theirs() {
    let cloud = Cloud::with_admin().await;
    let (admin, eve) = (cloud.admin().await, cloud.person().await);
    let made = eve.generate("flux-dev", "hers [[delay:1ms]]").await;
    eve.when(&made, "succeeded").await;
    let project = json!({"name": "hers"});
    let project = eve.post("/projects", &project).await.text("id");
    let (key, _) = make(&eve, &json!({})).await;
    let wide = "9".repeat(200);
    let hers = [made.as_str(), &project, &key, &eve.id];
    let places = [PLACES.as_slice(), &hers, &[&wide]].concat();
    let me = &admin.id;
    for (path, binding, form) in &lists(me) {
        let asked = places.iter().map(|place| async {
            let cursor = forged(binding, place);
            (*place, admin.get(&format!("{path}?cursor={cursor}")).await)
        });
        for (place, answer) in join_all(asked).await {
            check(&answer, path, place, form, &hers[..3]);
        }
    }
    let audit = format!("/admin/audit?user_id={}", eve.id);
    let binding = format!("{me}/audit?chain={}", eve.id);
    for place in places {
        let cursor = forged(&binding, place);
        let answer = admin.get(&format!("{audit}&cursor={cursor}")).await;
        check(&answer, &audit, place, "number", &[]);
    }
    // Altered, foreign, or cut.
    let ours = forged(&format!("{me}/projects"), &project);
    for cursor in [
        &ours[1..],
        &ours[..10],
        "",
        "~~~",
        &forged("another", &project),
    ] {
        let answer = admin.get(&format!("/projects?cursor={cursor}")).await;
        answer.problem(400, "invalid_cursor");
    }
    let mut faults = cloud.faults();
    faults.retain(|line| !line.ends_with("\"Unauthorized\""));
    assert_eq!(faults, Vec::<String>::new());
}

/// Checks that a place of the list's form shows at most the caller's own rows, and that any other is refused.
fn check(answer: &Answer, path: &str, place: &str, form: &str, hers: &[&str]) {
    let is_of_form = match form {
        "number" => matches!(place, "1" | "2" | "9223372036854775807"),
        prefix => {
            place.len() == prefix.len() + 26 && place.starts_with(prefix) && !place.contains("_8")
        }
    };
    if is_of_form {
        assert_eq!(answer.status, 200, "{path} {place:?}: {:?}", answer.body);
        let shown = answer.body.to_string();
        assert!(
            !hers.iter().any(|id| shown.contains(id)),
            "{path} {place:?}"
        );
    } else {
        assert_eq!(answer.status, 400, "{path} {place:?}: {:?}", answer.body);
        answer.problem(400, "invalid_cursor");
    }
}
