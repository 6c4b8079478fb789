//! Signing up, signing in, staying signed in.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Cloud, PASSWORD, Person, send};

#[tokio::test]
async fn an_e_mail_is_one_account_with_one_bonus_however_often_it_registers_at_once() {
    let cloud = Cloud::start().await;
    let spellings = ["ada@example.org", "ADA@example.org", " Ada@Example.org "];
    let bodies = (0..12).map(|n| json!({"email": spellings[n % 3], "password": PASSWORD}));
    let bodies: Vec<_> = bodies.collect();
    let answers = join_all(bodies.iter().map(|body| cloud.post("/auth/register", body))).await;
    let made: Vec<_> = answers.iter().filter(|a| a.status == 201).collect();
    assert_eq!(made.len(), 1);
    for answer in answers.iter().filter(|a| a.status != 201) {
        answer.problem(409, "conflict");
    }
    let token = made[0].text("access_token");
    let request = cloud.request(reqwest::Method::GET, "/credits");
    let wallet = crate::harness::send(request.bearer_auth(&token)).await;
    assert_eq!(wallet.expect(200)["available"], 1_000);
}

#[tokio::test]
async fn signing_in_needs_the_password_and_tells_nothing_about_who_exists() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let sign_in = |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        let cloud = &cloud;
        async move { cloud.post("/auth/login", &body).await }
    };
    let answer = sign_in(&ada.email.to_uppercase(), PASSWORD).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["user"]["id"], ada.id);
    assert_eq!(answer.body["token_type"], "Bearer");

    let mut wrong = sign_in(&ada.email, "not the password").await;
    let mut unknown = sign_in("nobody@example.org", "not the password").await;
    wrong.problem(401, "unauthorized");
    wrong.body["request_id"] = json!("");
    unknown.body["request_id"] = json!("");
    assert_eq!(wrong.body, unknown.body);
}

#[tokio::test]
async fn five_failures_lock_an_e_mail_known_or_not() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for email in [ada.email.as_str(), "nobody@example.org"] {
        let body = json!({"email": email, "password": "not the password"});
        let tries = join_all((0..20).map(|_| cloud.post("/auth/login", &body))).await;
        let looked_at = tries.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(looked_at, 5, "{email}");
        for answer in tries.iter().filter(|answer| answer.status != 401) {
            answer.problem(429, "rate_limited");
            let seconds: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=900).contains(&seconds), "{seconds}");
        }
    }
    let right = json!({"email": ada.email, "password": PASSWORD});
    cloud
        .post("/auth/login", &right)
        .await
        .problem(429, "rate_limited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn right_sign_ins_at_the_same_moment_do_not_lock_each_other_out() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let right = json!({"email": ada.email, "password": PASSWORD});
    let answers = join_all((0..12).map(|_| cloud.post("/auth/login", &right))).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    // They left no room for wrong ones.
    let wrong = json!({"email": ada.email, "password": "not the password"});
    let guesses = join_all((0..9).map(|_| cloud.post("/auth/login", &wrong))).await;
    let looked_at = guesses.iter().filter(|guess| guess.status == 401).count();
    assert_eq!(looked_at, 5);
    assert_eq!(cloud.faults(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let first = cloud.refresh(&ada.refresh_token).await;
    assert_eq!(first.status, 200, "{:?}", first.body);
    let second = cloud.refresh(&first.text("refresh_token")).await;
    assert_eq!(second.status, 200);

    let stolen = cloud.refresh(&ada.refresh_token).await;
    stolen.problem(401, "unauthorized");
    let newest = cloud.refresh(&second.text("refresh_token")).await;
    newest.problem(401, "unauthorized");
    cloud.stack.forget_callers();
    ada.get("/me").await.problem(401, "unauthorized");
    let long = "x".repeat(10_000);
    for nonsense in ["", "x", "ses_01ARZ3NDEKTSV4RRFFQ69G5FAV.x", &long] {
        let answer = cloud.refresh(nonsense).await;
        answer.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_stay_signed_in() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let tabs = join_all((0..6).map(|_| cloud.refresh(&ada.refresh_token))).await;
    for tab in &tabs {
        assert_eq!(tab.status, 200, "{:?}", tab.body);
        let request = cloud.request(Method::GET, "/me");
        let me = send(request.bearer_auth(tab.text("access_token"))).await;
        assert_eq!(me.expect(200)["id"], ada.id);
    }
    // Each tab goes on with the token that it got.
    for tab in &tabs {
        let next = cloud.refresh(&tab.text("refresh_token")).await;
        assert_eq!(next.status, 200, "{:?}", next.body);
    }
}

/// Ends the time in which a refresh token that was just used may be used again.
async fn pass_the_reuse_window(cloud: &Cloud, person: &Person<'_>) {
    let claims = person.token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let sort = format!("session#{}", claims["sid"].as_str().unwrap());
    let updated = cloud
        .dynamodb()
        .update_item()
        .table_name("velro-local-accountstable")
        .key("pk", AttributeValue::S(person.id.clone()))
        .key("sk", AttributeValue::S(sort))
        .update_expression("SET replaced_at_ms = replaced_at_ms - :window")
        .condition_expression("attribute_exists(replaced_at_ms)")
        .expression_attribute_values(":window", AttributeValue::N("10000".to_owned()));
    updated.send().await.unwrap();
}

#[tokio::test]
async fn a_used_refresh_token_that_comes_back_late_ends_the_session() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let other = ada.sign_in(PASSWORD).await;
    let next = cloud.refresh(&ada.refresh_token).await;
    assert_eq!(next.status, 200, "{:?}", next.body);
    pass_the_reuse_window(&cloud, &ada).await;
    let late = cloud.refresh(&ada.refresh_token).await;
    late.problem(401, "unauthorized");
    let newest = cloud.refresh(&next.text("refresh_token")).await;
    newest.problem(401, "unauthorized");
    assert!(!ada.is_signed_in().await);
    assert!(
        other.is_signed_in().await,
        "another session of the same user"
    );
}

#[tokio::test]
async fn of_a_refresh_token_only_a_digest_is_kept() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let next = cloud
        .refresh(&ada.refresh_token)
        .await
        .text("refresh_token");
    let kept = cloud.everything_kept().await;
    assert!(kept.contains("refresh_digest"));
    for token in [&ada.refresh_token, &next] {
        let secret = &token[token.len() - 43..];
        let bytes = URL_SAFE_NO_PAD.decode(secret).unwrap();
        assert!(!kept.contains(secret) && !kept.contains(&hex::encode(bytes)));
        assert!(!cloud.stack.logs().iter().any(|line| line.contains(secret)));
    }
}

#[tokio::test]
async fn signing_out_ends_one_session_or_all_of_them() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let (phone, tablet) = (ada.sign_in(PASSWORD).await, ada.sign_in(PASSWORD).await);
    let out = |person: &Person<'_>| send(person.request(Method::POST, "/auth/logout"));
    // The logout has no body, and comes again before the authorizer has noticed.
    for _ in 0..2 {
        assert_eq!(out(&phone).await.status, 204);
    }
    assert!(!phone.is_signed_in().await);
    assert!(ada.is_signed_in().await && tablet.is_signed_in().await);
    let phone = ada.sign_in(PASSWORD).await;

    let everywhere = ada.post("/auth/logout", &json!({"all": true})).await;
    assert_eq!(everywhere.status, 204, "{:?}", everywhere.body);
    for session in [&ada, &phone, &tablet] {
        assert!(!session.is_signed_in().await);
    }
    assert!(ada.sign_in(PASSWORD).await.is_signed_in().await);
    assert!(eve.is_signed_in().await);
    cloud
        .post("/auth/logout", &json!({}))
        .await
        .problem(401, "unauthorized");
    let wrong = eve.post("/auth/logout", &json!({"all": "yes"})).await;
    wrong.problem(422, "validation_failed");
    assert!(eve.is_signed_in().await);
}

#[tokio::test]
async fn a_user_has_twenty_sessions_at_most_and_the_oldest_end() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let mut sessions = Vec::new();
    // They come four at a time: a fifth sign-in under way would count as a guess too many.
    for _ in 0..6 {
        sessions.extend(join_all((0..4).map(|_| ada.sign_in(PASSWORD))).await);
    }
    cloud.stack.forget_callers();
    let mut alive = 0;
    for session in &sessions {
        alive += usize::from(session.get("/me").await.status == 200);
    }
    assert!((19..=20).contains(&alive), "{alive}");
    assert!(!ada.is_signed_in().await, "the oldest");
    assert!(sessions[23].is_signed_in().await || sessions[22].is_signed_in().await);
}
