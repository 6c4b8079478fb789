//! Signing up, signing in, staying signed in.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{Cloud, PASSWORD};

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

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let refresh = |token: String| {
        let cloud = &cloud;
        async move {
            let body = json!({"refresh_token": token});
            cloud.post("/auth/refresh", &body).await
        }
    };
    let first = refresh(ada.refresh_token.clone()).await;
    assert_eq!(first.status, 200, "{:?}", first.body);
    let second = refresh(first.text("refresh_token")).await;
    assert_eq!(second.status, 200);

    let stolen = refresh(ada.refresh_token.clone()).await;
    stolen.problem(401, "unauthorized");
    let newest = refresh(second.text("refresh_token")).await;
    newest.problem(401, "unauthorized");
    for nonsense in ["", "x", "ses_01ARZ3NDEKTSV4RRFFQ69G5FAV.x"] {
        refresh(nonsense.to_owned())
            .await
            .problem(401, "unauthorized");
    }
}
