//! The prices of models: admins change them, everybody sees that at once, and nobody pays a price to which
//! they did not agree.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Answer, Cloud, Person, send};

const FLUX: &str = "/admin/models/flux-dev";
const PICTURE: &str = "/generations/flux-dev";

/// The catalogue's entry for flux-dev: its price, and whether it is offered. Both ways to ask must agree.
async fn shown(cloud: &Cloud) -> (i64, bool) {
    let model = cloud.get("/models/flux-dev").await.expect(200);
    let list = cloud.get("/models").await.expect(200);
    let listed = list["data"].as_array().unwrap().iter();
    let listed: Vec<_> = listed.filter(|it| it["id"] == model["id"]).collect();
    assert_eq!(listed, [&model]);
    (
        model["credits"].as_i64().unwrap(),
        model["available"].as_bool().unwrap(),
    )
}

async fn quote(person: &Person<'_>, prompt: &str) -> Answer {
    let body = json!({"model": "flux-dev", "prompt": prompt});
    person.post("/quotes", &body).await
}

/// The platform's log about the models, oldest first: the actor, and the new settings.
async fn told(admin: &Person<'_>) -> Vec<(String, String)> {
    let log = admin.get("/admin/audit?limit=100").await.expect(200);
    let lines = log["data"].as_array().unwrap().iter().rev();
    let changes = lines.filter(|line| line["act"] == "model_changed");
    let field = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    changes
        .map(|line| (field(line, "actor"), field(line, "subject")))
        .collect()
}

#[tokio::test]
async fn a_new_price_is_the_catalogues_the_quotes_and_the_next_jobs_but_not_the_last_ones() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let prompt = json!({"prompt": "at the old price [[delay:1500ms]]"});
    let before = ada.post_once(PICTURE, "key", &prompt).await.expect(202);

    let changed = admin.patch(FLUX, &json!({"credits": 40})).await.expect(200);
    assert_eq!(
        cloud.get("/models/flux-dev").await.expect(200),
        changed,
        "the admin is shown something else"
    );
    assert_eq!(shown(&cloud).await, (40, true));
    let quoted = quote(&ada, "at the new price").await.expect(201);
    assert_eq!(quoted["credits"], 40);
    let order =
        json!({"prompt": "at the new price", "quote_id": quoted["quote_id"], "max_credits": 40});
    let after = ada.post(PICTURE, &order).await.expect(202);
    assert_eq!(after["receipt"]["held"], 40);
    let three = json!({"prompt": "three", "parameters": {"num_images": 3}});
    let three = ada.post(PICTURE, &three).await.expect(202);

    // The same request again is the same job, at its price of then.
    let again = ada.post_once(PICTURE, "key", &prompt).await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(202)["id"], before["id"]);
    for (job, price) in [(&before, 25), (&after, 40), (&three, 120)] {
        let done = ada.when(job["id"].as_str().unwrap(), "succeeded").await;
        assert_eq!(done["receipt"]["quoted"], price);
        assert_eq!(done["receipt"]["captured"], price);
    }
    assert_eq!(ada.books().await.balance(), (1_000 - 25 - 40 - 120, 0));

    admin
        .patch(FLUX, &json!({"credits": null}))
        .await
        .expect(200);
    assert_eq!(shown(&cloud).await, (25, true));
    let lines = told(&admin).await;
    let line = |credits: u32| {
        let subject = format!("flux-dev credits={credits} available=true");
        (admin.id.clone(), subject)
    };
    assert_eq!(lines, [line(40), line(25)]);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn nobody_pays_a_price_that_they_did_not_agree_to() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let quoted = quote(&ada, "as agreed").await.expect(201);
    let agreed = json!({"prompt": "as agreed", "quote_id": quoted["quote_id"]});
    let at_most = json!({"prompt": "at most", "max_credits": 25});
    for price in [26, 24] {
        admin
            .patch(FLUX, &json!({"credits": price}))
            .await
            .expect(200);
        // A quote is for one price: a lower one was not agreed to either.
        let refused = ada.post_once(PICTURE, "key", &agreed).await;
        refused.problem(409, "price_changed");
        let bounded = ada.post(PICTURE, &at_most).await;
        if price > 25 {
            bounded.problem(409, "price_changed");
            assert_eq!(ada.books().await.lines().len(), 1);
        } else {
            assert_eq!(bounded.expect(202)["receipt"]["quoted"], 24);
        }
    }
    // The promised price is there again, and the key was not used up.
    admin.patch(FLUX, &json!({"credits": 25})).await.expect(200);
    let made = ada.post_once(PICTURE, "key", &agreed).await.expect(202);
    assert_eq!(made["receipt"]["quoted"], 25);
    assert_eq!(ada.books().await.count("hold"), 2);
}

#[tokio::test]
async fn a_model_that_is_switched_off_is_not_sold_until_it_is_on_again() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let quoted = quote(&ada, "later").await.expect(201);
    let running = json!({"prompt": "begun in time [[delay:1500ms]]"});
    let begun = ada.post_once(PICTURE, "begun", &running).await.expect(202);

    let off = json!({"available": false});
    let changed = admin.patch(FLUX, &off).await.expect(200);
    assert_eq!(
        (&changed["available"], &changed["credits"]),
        (&json!(false), &json!(25))
    );
    assert_eq!(shown(&cloud).await, (25, false));
    let order = json!({"prompt": "later", "quote_id": quoted["quote_id"]});
    for refused in [
        ada.post_once(PICTURE, "key", &order).await,
        quote(&ada, "another").await,
    ] {
        refused.problem(409, "conflict");
        assert!(refused.text("detail").contains("flux-dev is not offered"));
    }
    // A mistake in a request is reported first, and other models are sold.
    let wrong = ada.post(PICTURE, &json!({})).await;
    wrong.problem(422, "validation_failed");
    let other = ada.generate("imagen4-ultra", "another model").await;
    // A running job goes on, and its key still finds it.
    let again = ada.post_once(PICTURE, "begun", &running).await.expect(202);
    assert_eq!(again["id"], begun["id"]);
    for id in [begun["id"].as_str().unwrap(), &other] {
        ada.when(id, "succeeded").await;
    }
    assert_eq!(ada.books().await.balance(), (1_000 - 25 - 45, 0));

    for on in [json!({"available": null}), json!({"available": true})] {
        admin.patch(FLUX, &on).await.expect(200);
        assert_eq!(shown(&cloud).await, (25, true));
    }
    ada.post_once(PICTURE, "key", &order).await.expect(202);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_change_that_cannot_be_is_refused_by_field_and_changes_nothing() {
    let cloud = Cloud::with_admin().await;
    let admin = cloud.admin().await;
    for (body, field) in [
        (json!({}), "body"),
        (json!([]), "body"),
        (json!({"credits": 0}), "credits"),
        (json!({"credits": -1, "available": false}), "credits"),
        (json!({"credits": 1_000_001}), "credits"),
        (json!({"credits": i64::MAX}), "credits"),
        (json!({"credits": 25.5}), "credits"),
        (json!({"credits": "40"}), "credits"),
        (json!({"available": "no"}), "available"),
        (json!({"available": 0}), "available"),
        (
            json!({"credits": 40, "rate_per_minute": 1}),
            "rate_per_minute",
        ),
    ] {
        let answer = admin.patch(FLUX, &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    let body = json!({"credits": 40});
    for model in ["gpt-9", "FLUX-DEV", "%20", "flux-dev%2F"] {
        let answer = admin.patch(&format!("/admin/models/{model}"), &body).await;
        answer.problem(404, "not_found");
    }
    assert_eq!(shown(&cloud).await, (25, true));
    assert_eq!(told(&admin).await, []);
    // A change that changes nothing leaves no record either.
    for _ in 0..2 {
        let dearest = json!({"credits": 1_000_000, "available": true});
        admin.patch(FLUX, &dearest).await.expect(200);
    }
    assert_eq!(told(&admin).await.len(), 1);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn only_an_admin_in_person_changes_what_models_are_offered_at() {
    let cloud = Cloud::with_admin().await;
    let (ada, unverified) = (
        cloud.person().await,
        Person::register_as(&cloud, ADMIN_EMAIL).await,
    );
    let body = json!({"credits": 1});
    // A stranger does not learn whether the model exists or the body is right.
    for path in [FLUX, "/admin/models/gpt-9"] {
        for person in [&ada, &unverified] {
            for body in [&body, &json!({"credits": "?"})] {
                person.patch(path, body).await.problem(403, "forbidden");
            }
        }
        let stranger = cloud.request(Method::PATCH, path).json(&body);
        send(stranger).await.problem(401, "unauthorized");
    }
    cloud.verify_by_hand(&unverified).await;
    let admin = unverified;
    let key = admin.post("/me/api-keys", &json!({})).await.text("secret");
    let by_key = cloud.request(Method::PATCH, FLUX).bearer_auth(key);
    send(by_key.json(&body)).await.problem(403, "forbidden");
    assert_eq!(shown(&cloud).await, (25, true));
    admin.patch(FLUX, &body).await.expect(200);
    assert_eq!(shown(&cloud).await, (1, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_who_change_a_model_at_once_leave_what_the_last_one_said_and_all_is_recorded() {
    let cloud = Cloud::with_admin().await;
    let ann = cloud.admin().await;
    let bob = cloud.person().await;
    cloud.make_admin(&bob).await;
    let changes = [
        (&ann, json!({"credits": 31})),
        (&bob, json!({"credits": 32})),
        (&ann, json!({"available": false})),
        (&bob, json!({"credits": 33, "available": true})),
    ];
    let sent = changes.iter().map(|(admin, body)| admin.patch(FLUX, body));
    for answer in join_all(sent).await {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let lines = told(&ann).await;
    let recorded = |admin: &Person<'_>| lines.iter().filter(|(who, _)| *who == admin.id).count();
    assert_eq!((recorded(&ann), recorded(&bob)), (2, 2), "{lines:?}");
    // Each record also names the settings before it: nobody's change was lost.
    let mut expected = (25, true);
    for (_, subject) in &lines {
        let told = |credits: i64, available: bool| {
            format!("flux-dev credits={credits} available={available}")
        };
        let next = [
            (31, expected.1),
            (32, expected.1),
            (expected.0, false),
            (33, true),
        ];
        let next = next.into_iter().find(|it| told(it.0, it.1) == *subject);
        expected = next.unwrap_or_else(|| panic!("{subject} after {expected:?}: {lines:?}"));
    }
    assert_eq!(shown(&cloud).await, expected);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
