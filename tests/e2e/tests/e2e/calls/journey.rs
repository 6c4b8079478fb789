//! Every function's act, done once: the calls are noted under the functions that the act is for.

mod administration;
mod team;

use domain::Timestamp;
use domain::time::Month;
use reqwest::Method;
use serde_json::{Value, json};

use super::Sheet;
use crate::access::operations;
use crate::files::{picture, put};
use crate::harness::{PASSWORD, Person, eventually, send, token_in};
use crate::rate_limits::{is_keyed, now_ms};
use crate::webhook_endpoints::Receiver;

const ANOTHER: &str = "a rather different phrase 8";
const NO_FILE: &str = "fil_01ARZ3NDEKTSV4RRFFQ69G5FAV";

pub async fn act(person: &Person<'_>, method: Method, path: &str, body: &Value) -> Value {
    let answer = send(person.request(method, path).json(body)).await;
    assert!((200..400).contains(&answer.status), "{:?}", answer.body);
    answer.body
}

/// This month, UTC.
fn month() -> Month {
    Month::from(Timestamp::from_ms(now_ms()))
}

/// Does everything that the functions do, once.
pub async fn journey<'a>(sheet: &mut Sheet<'a>, admin: &Person<'a>, round: usize) {
    sheet.noted.clear();
    let ada = joins(sheet, admin, round).await;
    signs_in(sheet, &ada).await;
    pays(sheet, admin, &ada, round).await;
    files(sheet, &ada).await;
    generates(sheet, &ada).await;
    looks(sheet, &ada).await;
    keeps_projects(sheet, &ada).await;
    keeps_styles(sheet, &ada).await;
    hears(sheet, &ada).await;
    team::works_in_a_team(sheet, &ada, round).await;
    administration::helps(sheet, admin, &ada).await;
    administration::administers(sheet, admin, round).await;
    reads_what_is_hers(sheet, &ada).await;
    leaves(sheet, &ada).await;
    for (function, path) in [
        ("service-root", "/"),
        ("service-docs", "/docs"),
        ("service-openapi", "/openapi.json"),
        ("service-jwks", "/.well-known/jwks.json"),
        ("service-health", "/health"),
        ("service-metrics", "/metrics"),
    ] {
        // Not all of these are JSON.
        let asked = admin.request(Method::GET, path).send();
        let answered = sheet.note(&[function], asked).await.unwrap();
        assert_eq!(answered.status(), 200, "{path}");
    }
    // Everything that became due during the journey is sent first: its amount depends on how long the journey
    // took.
    sheet.cloud.sweep().await;
    for job in ["jobs-sweep", "jobs-purge", "jobs-reconcile"] {
        let path = format!("schedules/{job}/run");
        let run = sheet.cloud.act(&path, &Value::Null);
        let ran = sheet.note(&[job], run).await;
        assert_eq!(ran["status"], "succeeded", "{ran}");
    }
    let asked = r#"{"from":"beginning"}"#;
    let migrated = sheet.cloud.stack.invoke("jobs-migrate", asked);
    sheet.note(&["jobs-migrate"], migrated).await.unwrap();
}

/// Somebody registers, verifies their e-mail and gets a usage-plan key of their own.
async fn joins<'a>(sheet: &mut Sheet<'a>, admin: &Person<'a>, round: usize) -> Person<'a> {
    let cloud = sheet.cloud;
    let email = format!("ada-{round}@example.org");
    let registering = Person::register_as(cloud, &email);
    let ada = sheet
        .note(&["accounts-register", "jobs-mail"], registering)
        .await;
    let path = format!("/admin/users/{}", ada.id);
    let plan = json!({"plan": "enterprise"});
    let upgrade = act(admin, Method::PATCH, &path, &plan);
    sheet.note(&["admin-users-update"], upgrade).await;
    cloud.stack.forget_callers();
    let resend = ada.post("/auth/verify-email/resend", &Value::Null);
    let resent = sheet.note(&["accounts-verify-email-resend"], resend).await;
    assert_eq!(resent.status, 202, "{:?}", resent.body);

    let letters = cloud.letters(&email, "Verify your e-mail address", 2).await;
    let token = json!({"token": token_in(&letters[1])});
    let verify = ada.post("/auth/verify-email", &token);
    sheet
        .note(&["accounts-verify-email"], verify)
        .await
        .expect(204);
    let keyed = ["accounts-authorize, the first time a day", "jobs-keys"];
    cloud.stack.forget_callers();
    sheet.note(&keyed, is_keyed(&ada)).await;
    cloud.stack.forget_callers();
    let me = ["accounts-authorize", "accounts-me"];
    sheet.note(&me, ada.get("/me")).await.expect(200);

    let other = format!("eve-{round}@example.org");
    Person::register_as(cloud, &other).await;
    let letters = cloud.letters(&other, "Verify your e-mail address", 1).await;
    let token = json!({"token": token_in(&letters[0])});
    let decline = cloud.post("/auth/verify-email/decline", &token);
    sheet
        .note(&["accounts-verify-email-decline"], decline)
        .await;
    ada
}

async fn signs_in(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    let phone = sheet.note(&["accounts-login"], ada.sign_in(PASSWORD)).await;
    let refresh = sheet.cloud.refresh(&phone.refresh_token);
    sheet.note(&["accounts-refresh"], refresh).await.expect(200);
    let out = json!({"all": false});
    let logout = act(&phone, Method::POST, "/auth/logout", &out);
    sheet.note(&["accounts-logout"], logout).await;
    let name = json!({"full_name": "Ada King"});
    let update = act(ada, Method::PATCH, "/me", &name);
    sheet.note(&["accounts-me-update"], update).await;

    let change = json!({"current_password": PASSWORD, "new_password": ANOTHER});
    let change = act(ada, Method::POST, "/me/password", &change);
    sheet.note(&["accounts-password-change"], change).await;
    let email = json!({"email": ada.email});
    let reset = sheet.cloud.post("/auth/password-reset", &email);
    sheet
        .note(&["accounts-password-reset"], reset)
        .await
        .expect(202);

    let key = json!({"name": "laptop", "scopes": ["read", "generate"]});
    let make = act(ada, Method::POST, "/me/api-keys", &key);
    let made = sheet.note(&["accounts-keys-create"], make).await;
    let list = ada.get("/me/api-keys");
    sheet.note(&["accounts-keys-list"], list).await.expect(200);
    let secret = made["secret"].as_str().unwrap();
    for what in [
        "accounts-authorize, a key",
        "accounts-authorize, a key again",
    ] {
        sheet.cloud.stack.forget_callers();
        let get = sheet
            .cloud
            .request(Method::GET, "/credits")
            .bearer_auth(secret);
        sheet.note(&[what], send(get)).await.expect(200);
    }
    let path = format!("/me/api-keys/{}", made["id"].as_str().unwrap());
    let delete = act(ada, Method::DELETE, &path, &Value::Null);
    sheet.note(&["accounts-keys-delete"], delete).await;
}

async fn pays(sheet: &mut Sheet<'_>, admin: &Person<'_>, ada: &Person<'_>, round: usize) {
    let wanted = json!({"pack": "starter", "success_url": "https://shop.example/paid", "cancel_url": "https://shop.example/"});
    let begin = act(ada, Method::POST, "/credits/checkout", &wanted);
    let begun = sheet.note(&["credits-checkout"], begin).await;
    let path = format!("stripe/sessions/{}/complete", begun["id"].as_str().unwrap());
    let paid = async {
        sheet.cloud.act(&path, &json!({})).await;
        eventually("the payment", || async {
            (ada.books().await.balance().0 > 1_000).then_some(())
        })
        .await;
    };
    sheet.note(&["webhooks-stripe"], paid).await;

    let promo = json!({"code": format!("SPRING-{round}"), "credits": 100, "max_redemptions": 10});
    let make = act(admin, Method::POST, "/admin/promo-codes", &promo);
    sheet.note(&["admin-promos-create"], make).await;
    let code = json!({"code": promo["code"]});
    let redeem = act(ada, Method::POST, "/credits/redeem", &code);
    sheet.note(&["credits-redeem"], redeem).await;
    let grant = json!({"user_id": ada.id, "amount": 5_000, "reason": "Sorry for yesterday"});
    let grant = act(admin, Method::POST, "/admin/credits/grants", &grant);
    sheet.note(&["admin-grants-create"], grant).await;
    let export = format!("/credits/export?month={}", month());
    let export = ada.get(&export);
    sheet.note(&["credits-export"], export).await.expect(200);
    let watch = json!({"balance_below": [10]});
    let watch = act(ada, Method::PUT, "/credits/alerts", &watch);
    sheet.note(&["credits-alerts-set"], watch).await;
}

async fn files(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    let bytes = picture(200);
    let announce = ada.announce("image/png", &bytes);
    let file = sheet.note(&["files-create"], announce).await.expect(201);
    assert_eq!(put(ada, &file["upload"], bytes).await, 200);
    let path = format!("/files/{}", file["id"].as_str().unwrap());
    let complete = format!("{path}/complete");
    let complete = act(ada, Method::POST, &complete, &Value::Null);
    sheet.note(&["files-complete"], complete).await;
    let download = format!("{path}/download");
    for (function, path) in [("files-get", path.as_str()), ("files-download", &download)] {
        sheet.note(&[function], ada.get(path)).await.expect(200);
    }
    let nobodys = json!({"ids": [NO_FILE]});
    let delete = act(ada, Method::POST, "/files/bulk-delete", &nobodys);
    sheet.note(&["files-bulk-delete"], delete).await;
    let delete = act(ada, Method::DELETE, &path, &Value::Null);
    sheet.note(&["files-delete"], delete).await;
}

async fn generates(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    const PATH: &str = "/generations/flux-dev";
    let body = json!({"prompt": "A red fox"});
    let job = [
        "generations-create",
        "jobs-submit",
        "webhooks-fal",
        "jobs-settle",
        "jobs-preview",
    ];
    let whole = async {
        let id = ada.generate("flux-dev", "A red fox").await;
        ada.when(&id, "succeeded").await;
    };
    sheet.note(&job, whole).await;
    for what in [
        "generations-create, with a key",
        "generations-create, with the same key",
    ] {
        let create = async {
            let answer = ada.post_once(PATH, "one", &body).await;
            ada.when(&answer.text("id"), "succeeded").await;
        };
        sheet.note(&[what], create).await;
    }
    let project = act(ada, Method::POST, "/projects", &json!({"name": "Foxes"})).await;
    let filed = json!({"prompt": "A red fox", "project_id": project["id"]});
    let create = async {
        let answer = act(ada, Method::POST, PATH, &filed).await;
        ada.when(answer["id"].as_str().unwrap(), "succeeded").await;
    };
    let into = ["generations-create, into a project"];
    sheet.note(&into, create).await;

    let id = ada.generate("veo3", "A red fox [[delay:10m]]").await;
    ada.when(&id, "running").await;
    let cancel = format!("/generations/{id}/cancel");
    let cancel = act(ada, Method::POST, &cancel, &Value::Null);
    sheet.note(&["generations-cancel"], cancel).await;
    ada.when(&id, "canceled").await;
    let quote = json!({"model": "flux-dev", "prompt": "A red fox"});
    let quote = act(ada, Method::POST, "/quotes", &quote);
    sheet.note(&["models-quote"], quote).await;
}

async fn looks(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    let id = ada.generate("flux-dev", "A blue fox").await;
    let done = ada.when(&id, "succeeded").await;
    let address = done["outputs"][0]["url"].as_str().unwrap();
    let (_, address) = address.split_once("/v1").unwrap();
    let path = format!("/generations/{id}");
    let (media, favorite) = (format!("{path}/media"), format!("{path}/favorite"));
    let child = json!({"prompt": "A bluer fox", "parent_generation_id": id, "intent": "improve"});
    let child = act(ada, Method::POST, "/generations/flux-dev", &child).await;
    let child = child["id"].as_str().unwrap();
    ada.when(child, "succeeded").await;
    let provenance = format!("/generations/{child}/provenance");
    let title = json!({"title": "A fox"});
    for (function, method, path, body) in [
        ("generations-get", Method::GET, path.as_str(), &Value::Null),
        ("generations-media", Method::GET, &media, &Value::Null),
        ("media-get", Method::GET, address, &Value::Null),
        (
            "generations-provenance",
            Method::GET,
            &provenance,
            &Value::Null,
        ),
        ("generations-update", Method::PATCH, &path, &title),
        ("generations-favorite", Method::PUT, &favorite, &Value::Null),
        (
            "generations-unfavorite",
            Method::DELETE,
            &favorite,
            &Value::Null,
        ),
        ("generations-delete", Method::DELETE, &path, &Value::Null),
        ("models-list", Method::GET, "/models", &Value::Null),
        ("models-get", Method::GET, "/models/veo3", &Value::Null),
    ] {
        sheet.note(&[function], act(ada, method, path, body)).await;
    }
}

/// Each operation that reads the caller's own things and that no other act notes.
async fn reads_what_is_hers(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    for operation in operations().iter().filter(|it| it.is_own_read()) {
        if !sheet.noted.contains(&operation.function) {
            let (function, path) = (operation.function.as_str(), operation.at(&Vec::new()));
            let read = ada.get(&path);
            sheet.note(&[function], read).await.expect(200);
        }
    }
}

async fn keeps_projects(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    let named = json!({"name": "Owls"});
    let make = act(ada, Method::POST, "/projects", &named);
    let made = sheet.note(&["projects-create"], make).await;
    let path = format!("/projects/{}", made["id"].as_str().unwrap());
    let stats = format!("{path}/stats");
    let change = json!({"description": "At dawn"});
    for (function, method, path, body) in [
        ("projects-get", Method::GET, path.as_str(), &Value::Null),
        ("projects-stats", Method::GET, &stats, &Value::Null),
        ("projects-update", Method::PATCH, &path, &change),
        ("projects-delete", Method::DELETE, &path, &Value::Null),
    ] {
        sheet.note(&[function], act(ada, method, path, body)).await;
    }
}

async fn keeps_styles(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    let style = json!({"name": "Ink", "blocks": {"style": "ink and wash"}});
    let make = act(ada, Method::POST, "/styles", &style);
    let made = sheet.note(&["styles-create"], make).await;
    let path = format!("/styles/{}", made["id"].as_str().unwrap());
    let quote = json!({"model": "flux-dev", "prompt": "A red fox", "style_id": made["id"]});
    let order = json!({"prompt": "A red fox", "style_id": made["id"]});
    let create = async {
        let answer = act(ada, Method::POST, "/generations/flux-dev", &order).await;
        ada.when(answer["id"].as_str().unwrap(), "succeeded").await;
    };
    sheet
        .note(&["generations-create, in a style"], create)
        .await;
    let change = json!({"description": "At dawn"});
    for (function, method, path, body) in [
        ("models-quote, in a style", Method::POST, "/quotes", &quote),
        ("styles-get", Method::GET, path.as_str(), &Value::Null),
        ("styles-list", Method::GET, "/styles", &Value::Null),
        (
            "styles-presets",
            Method::GET,
            "/style-presets",
            &Value::Null,
        ),
        ("styles-update", Method::PATCH, &path, &change),
        ("styles-delete", Method::DELETE, &path, &Value::Null),
    ] {
        sheet.note(&[function], act(ada, method, path, body)).await;
    }
}

async fn hears(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    let receiver = Receiver::start().await;
    let hook = json!({"url": receiver.url, "events": ["generation.succeeded"]});
    let make = act(ada, Method::POST, "/webhook-endpoints", &hook);
    let made = sheet.note(&["webhooks-endpoints-create"], make).await;
    let path = format!("/webhook-endpoints/{}", made["id"].as_str().unwrap());
    let change = json!({"events": ["generation.failed", "generation.succeeded"]});
    let update = act(ada, Method::PATCH, &path, &change);
    sheet.note(&["webhooks-endpoints-update"], update).await;
    let rotate = act(
        ada,
        Method::POST,
        &format!("{path}/rotate-secret"),
        &Value::Null,
    )
    .await;
    assert!(rotate["secret"].is_string());
    // Some of these fetch a key the first time.
    let rotate = format!("{path}/rotate-secret");
    let rotate = act(ada, Method::POST, &rotate, &Value::Null);
    sheet.note(&["webhooks-endpoints-rotate"], rotate).await;
    let test = format!("{path}/test");
    act(ada, Method::POST, &test, &Value::Null).await;
    let test = act(ada, Method::POST, &test, &Value::Null);
    let notes = ["webhooks-endpoints-test", "jobs-deliver"];
    let event = sheet.note(&notes, test).await;
    let whole = async {
        let id = ada.generate("flux-dev", "A red fox").await;
        ada.when(&id, "succeeded").await;
    };
    let told = ["jobs-settle, told of", "jobs-deliver, a generation"];
    sheet.note(&told, whole).await;
    let replay = format!(
        "/webhook-deliveries/{}/replay",
        event["id"].as_str().unwrap()
    );
    let all = json!({});
    let replay = act(ada, Method::POST, &replay, &all);
    sheet.note(&["webhooks-deliveries-replay"], replay).await;
    let deliveries = format!("{path}/deliveries");
    for (function, path) in [
        ("webhooks-endpoints-get", path.as_str()),
        ("webhooks-endpoints-list", "/webhook-endpoints"),
        ("webhooks-deliveries-list", &deliveries),
    ] {
        sheet.note(&[function], ada.get(path)).await.expect(200);
    }
    let delete = act(ada, Method::DELETE, &path, &Value::Null);
    sheet.note(&["webhooks-endpoints-delete"], delete).await;

    let make = || act(ada, Method::POST, "/me/webhook-secret", &Value::Null);
    make().await;
    sheet.note(&["accounts-webhook-secret"], make()).await;
    let order = json!({"prompt": "A red fox", "webhook_url": receiver.url});
    let whole = async {
        let made = act(ada, Method::POST, "/generations/flux-dev", &order).await;
        ada.when(made["id"].as_str().unwrap(), "succeeded").await;
        made
    };
    let told = [
        "generations-create, with an address to tell",
        "jobs-deliver, an address",
    ];
    let made = sheet.note(&told, whole).await;
    let path = format!("/generations/{}", made["id"].as_str().unwrap());
    let delete = act(ada, Method::DELETE, &path, &Value::Null);
    sheet
        .note(&["generations-delete, which had an address"], delete)
        .await;
}

async fn leaves(sheet: &mut Sheet<'_>, ada: &Person<'_>) {
    let letters = sheet
        .cloud
        .letters(&ada.email, "Choose a new password", 1)
        .await;
    let chosen = json!({"token": token_in(&letters[0]), "password": PASSWORD});
    let confirm = sheet.cloud.post("/auth/password-reset/confirm", &chosen);
    let confirmed = ["accounts-password-reset-confirm"];
    sheet.note(&confirmed, confirm).await.expect(204);
    let ada = ada.sign_in(PASSWORD).await;
    sheet.note(&["accounts-me-delete"], ada.erase()).await;
}
