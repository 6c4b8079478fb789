//! The acts of platform admins, which nobody else may do.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN_EMAIL, Answer, Cloud, PASSWORD, Person, send};

const GRANTS: &str = "/admin/credits/grants";

fn grant(person: &Person<'_>, amount: i64) -> Value {
    json!({"user_id": person.id, "amount": amount, "reason": "Sorry for yesterday"})
}

async fn change(admin: &Person<'_>, id: &str, body: &Value) -> Answer {
    let path = format!("/admin/users/{id}");
    send(admin.request(Method::PATCH, &path).json(body)).await
}

#[tokio::test]
async fn an_admin_gives_credits_and_takes_them_back_but_never_below_zero() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let given = admin.post(GRANTS, &grant(&ada, 500)).await.expect(201);
    assert_eq!(
        (&given["kind"], &given["amount"]),
        (&json!("grant"), &json!(500))
    );
    assert_eq!(given["actor"], json!(admin.id));
    assert_eq!(given["description"], "Sorry for yesterday");
    let taken = admin.post(GRANTS, &grant(&ada, -1_200)).await.expect(201);
    assert_eq!(
        (&taken["kind"], &taken["available_delta"]),
        (&json!("adjustment"), &json!(-1_200))
    );
    let too_much = admin.post(GRANTS, &grant(&ada, -301)).await;
    too_much.problem(409, "conflict");

    let books = ada.books().await;
    let lines = [
        ("bonus", 1_000, 0),
        ("grant", 500, 0),
        ("adjustment", -1_200, 0),
    ];
    assert_eq!(books.lines(), lines);
    assert_eq!(books.balance(), (300, 0));
    assert_eq!(books.wallet["lifetime_granted"], 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_with_a_key_is_booked_once_however_often_it_is_sent() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada, bob) = (
        cloud.admin().await,
        cloud.person().await,
        cloud.person().await,
    );
    let body = grant(&ada, 50);
    let answers = join_all((0..50).map(|_| admin.post_once(GRANTS, "gift-1", &body))).await;
    let id = answers[0].text("id");
    let replays = answers
        .iter()
        .filter(|a| a.header("idempotent-replayed") == "true");
    assert_eq!(replays.count(), 49);
    for answer in &answers {
        assert_eq!((answer.status, answer.text("id")), (201, id.clone()));
    }
    for other in [grant(&ada, 51), grant(&bob, 50)] {
        let answer = admin.post_once(GRANTS, "gift-1", &other).await;
        answer.problem(422, "idempotency_mismatch");
    }
    // A refused request does not use its key up.
    let refused = admin
        .post_once(GRANTS, "gift-2", &grant(&ada, -9_999))
        .await;
    refused.problem(409, "conflict");
    let later = admin.post_once(GRANTS, "gift-2", &grant(&ada, 1)).await;
    assert_eq!(
        (later.status, later.header("idempotent-replayed")),
        (201, "")
    );
    assert_eq!(ada.books().await.balance(), (1_051, 0));
    assert_eq!(bob.books().await.balance(), (1_000, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_grants_and_adjustments_all_count_and_none_goes_below_zero() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let moves = (0..40).map(|n| grant(&ada, if n % 2 == 0 { 10 } else { -300 }));
    let answers = join_all(moves.map(|body| {
        let admin = &admin;
        async move { admin.post(GRANTS, &body).await }
    }))
    .await;
    let booked = |up: bool| {
        let counts = |a: &&Answer| a.status == 201 && (a.body["kind"] == "grant") == up;
        answers.iter().filter(counts).count()
    };
    assert_eq!(booked(true), 20);
    assert!((3..=4).contains(&booked(false)), "{}", booked(false));
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.problem(409, "conflict");
    }
    let left = 1_200 - 300 * i64::try_from(booked(false)).unwrap();
    assert_eq!(ada.books().await.balance(), (left, 0));
}

#[tokio::test]
async fn only_a_verified_user_whom_the_operator_named_is_an_admin() {
    let cloud = Cloud::with_admin().await;
    let (ada, unverified) = (
        cloud.person().await,
        Person::register_as(&cloud, ADMIN_EMAIL).await,
    );
    cloud.verify_by_hand(&ada).await;
    let unknown = "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV";
    for person in [&ada, &unverified] {
        let me = person.get("/me").await.expect(200);
        assert_eq!(me["is_admin"], false);
        // A stranger does not learn whether the body is right or its user exists.
        for body in [
            grant(person, 1),
            json!({}),
            json!({"user_id": unknown, "amount": 1, "reason": "x"}),
        ] {
            person.post(GRANTS, &body).await.problem(403, "forbidden");
        }
        for id in [&person.id, unknown] {
            let answer = change(person, id, &json!({"plan": "enterprise"})).await;
            answer.problem(403, "forbidden");
        }
        let code = json!({"code": "SPRING-2030", "credits": 1, "max_redemptions": 1});
        person
            .post("/admin/promo-codes", &code)
            .await
            .problem(403, "forbidden");
        person
            .get("/admin/promo-codes")
            .await
            .problem(403, "forbidden");
        assert_eq!(person.books().await.lines().len(), 1);
    }
    // Once the e-mail is known to be theirs, they are an admin; with an API key, not even then.
    cloud.verify_by_hand(&unverified).await;
    assert_eq!(unverified.get("/me").await.expect(200)["is_admin"], true);
    unverified.post(GRANTS, &grant(&ada, 1)).await.expect(201);
    let key = unverified
        .post("/me/api-keys", &json!({}))
        .await
        .text("secret");
    let by_key = cloud.request(Method::POST, GRANTS).bearer_auth(key);
    send(by_key.json(&grant(&ada, 1)))
        .await
        .problem(403, "forbidden");
    assert_eq!(ada.books().await.balance(), (1_001, 0));
}

#[tokio::test]
async fn an_unverified_user_spends_no_more_than_the_bonus_whatever_an_admin_gives() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    admin.post(GRANTS, &grant(&ada, 5_000)).await.expect(201);
    for _ in 0..2 {
        ada.generate("veo3", "within the bonus [[delay:1ms]]").await;
    }
    let refused = ada.post("/generations/image-enhance", &json!({})).await;
    assert_eq!(refused.status, 422);
    let beyond = json!({"prompt": "beyond the bonus"});
    let refused = ada.post("/generations/flux-dev", &beyond).await;
    refused.problem(403, "forbidden");
    assert!(refused.text("detail").contains("verify your e-mail"));

    cloud.verify_by_hand(&ada).await;
    ada.post("/generations/flux-dev", &beyond).await.expect(202);
    assert_eq!(ada.books().await.count("hold"), 3);
}

#[tokio::test]
async fn an_admin_finds_a_user_by_e_mail_and_sees_users_teams_and_wallets() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.verified().await);
    let team = ada
        .post("/teams", &json!({"name": "Foxes"}))
        .await
        .expect(201);
    let team_id = team["id"].as_str().unwrap();
    let transfer = format!("/teams/{team_id}/credits/transfer");
    ada.post(&transfer, &json!({"amount": 300}))
        .await
        .expect(201);

    let find = |email: &str| format!("/admin/users?email={email}");
    for written in [ada.email.clone(), ada.email.to_uppercase()] {
        let found = admin.get(&find(&written)).await.expect(200);
        assert_eq!(found["data"].as_array().unwrap().len(), 1, "{written}");
        assert_eq!(found["data"][0]["id"], ada.id);
        assert_eq!(found["data"][0]["suspended"], false);
    }
    let nobody = admin.get(&find("nobody@example.org")).await.expect(200);
    assert_eq!(
        (&nobody["data"], &nobody["next_cursor"]),
        (&json!([]), &Value::Null)
    );
    for wrong in [
        "/admin/users",
        "/admin/users?email=ada",
        "/admin/users?name=Ada",
    ] {
        let fields = admin.get(wrong).await.problem(422, "validation_failed");
        assert!(fields.contains("email"), "{wrong}: {fields:?}");
    }
    let user = admin
        .get(&format!("/admin/users/{}", ada.id))
        .await
        .expect(200);
    assert_eq!(user["email"], ada.email);
    assert_eq!(user["credits"], ada.get("/credits").await.expect(200));
    let seen = admin
        .get(&format!("/admin/teams/{team_id}"))
        .await
        .expect(200);
    assert_eq!(
        (&seen["owner_id"], &seen["team_code"], &seen["member_count"]),
        (&json!(ada.id), &team["team_code"], &json!(1))
    );
    let wallet = ada.get(&format!("/teams/{team_id}/credits")).await;
    assert_eq!(seen["credits"], wallet.expect(200));

    for path in [
        "/admin/users/usr_x",
        "/admin/users/usr_01KG9QZ3M4T5V6W7X8Y9Z0ABCD",
        "/admin/teams/x",
    ] {
        admin.get(path).await.problem(404, "not_found");
    }
    let paths = [
        find(&ada.email),
        format!("/admin/users/{}", ada.id),
        format!("/admin/teams/{team_id}"),
    ];
    for path in paths {
        ada.get(&path).await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_suspended_user_is_kept_out_by_every_door_and_comes_back_by_signing_in() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let key = ada.post("/me/api-keys", &json!({})).await.text("secret");
    let with_key = || send(cloud.request(Method::GET, "/credits").bearer_auth(&key));
    let login = json!({"email": ada.email, "password": PASSWORD});
    let refresh = json!({"refresh_token": ada.refresh_token});
    assert_eq!(with_key().await.status, 200);

    let changed = change(&admin, &ada.id, &json!({"suspended": true}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["suspended"], &changed["plan"]),
        (&json!(true), &json!("free"))
    );
    cloud.stack.forget_callers();
    ada.get("/credits").await.problem(401, "unauthorized");
    with_key().await.problem(401, "unauthorized");
    cloud
        .post("/auth/login", &login)
        .await
        .problem(401, "unauthorized");
    cloud
        .post("/auth/refresh", &refresh)
        .await
        .problem(401, "unauthorized");

    change(&admin, &ada.id, &json!({"suspended": false}))
        .await
        .expect(200);
    cloud.stack.forget_callers();
    // The key works again. The sessions are over: their holders must know the password.
    assert_eq!(with_key().await.status, 200);
    assert!(!ada.is_signed_in().await);
    assert!(ada.sign_in(PASSWORD).await.is_signed_in().await);
    let himself = change(&admin, &admin.id, &json!({"suspended": true})).await;
    himself.problem(409, "conflict");
}

#[tokio::test]
async fn a_plan_changes_and_what_is_not_named_stays() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    let changed = change(&admin, &ada.id, &json!({"plan": "pro"}))
        .await
        .expect(200);
    assert_eq!(
        (&changed["plan"], &changed["suspended"]),
        (&json!("pro"), &json!(false))
    );
    assert_eq!(changed["email"], json!(ada.email));
    assert_eq!(ada.get("/me").await.expect(200)["plan"], "pro");

    for (body, field) in [
        (json!({}), "body"),
        (json!({"plan": "gold"}), "plan"),
        (json!({"suspended": "yes"}), "suspended"),
        (json!({"email_verified": true}), "email_verified"),
    ] {
        let answer = change(&admin, &ada.id, &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    for id in [
        "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "gen_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "x",
    ] {
        let answer = change(&admin, id, &json!({"plan": "pro"})).await;
        answer.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_grant_that_cannot_be_is_refused_by_field() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    for (field, value) in [
        ("user_id", Value::Null),
        ("amount", json!(0)),
        ("amount", json!(1.5)),
        ("amount", json!("5")),
        ("amount", json!(1_000_000_001)),
        ("amount", json!(i64::MIN)),
        ("reason", json!("")),
        ("reason", json!("a\nb")),
        ("reason", json!("x".repeat(201))),
        ("kind", json!("bonus")),
    ] {
        let mut body = grant(&ada, 5);
        body[field] = value;
        let answer = admin.post(GRANTS, &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains(field), "{body}: {fields:?}");
    }
    for id in [
        "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "gen_01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "",
    ] {
        let body = json!({"user_id": id, "amount": 5, "reason": "x"});
        let fields = admin.post(GRANTS, &body).await.problem(404, "not_found");
        assert!(fields.contains("user_id"), "{fields:?}");
    }
    assert_eq!(ada.books().await.lines().len(), 1);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
