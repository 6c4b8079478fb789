//! Verifying that an e-mail address is one's own.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::{Answer, Cloud, PASSWORD, Person, eventually, token_in};

const SUBJECT: &str = "Verify your e-mail address";

/// Shows a mailed token, signed in as this person.
async fn verify(person: &Person<'_>, token: &str) -> Answer {
    person
        .post("/auth/verify-email", &json!({"token": token}))
        .await
}

/// The token in the one letter that a new user gets.
async fn first_token(cloud: &Cloud, email: &str) -> String {
    token_in(&cloud.letters(email, SUBJECT, 1).await[0])
}

/// The authorizer's context for functions about this person.
async fn context(person: &Person<'_>) -> Value {
    let event = json!({
        "methodArn": "arn:aws:execute-api:us-east-1:123456789012:local/v1/GET/me",
        "headers": {"Authorization": format!("Bearer {}", person.token)},
    });
    let stack = &person.cloud.stack;
    let policy = stack.invoke("accounts-authorize", event.to_string()).await;
    let policy: Value = serde_json::from_slice(&policy.unwrap()).unwrap();
    policy["context"].clone()
}

#[tokio::test]
async fn a_new_users_letter_verifies_their_e_mail_once_and_nobody_elses() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let letters = cloud.letters(&ada.email, SUBJECT, 1).await;
    assert!(letters[0]["created_at"].is_string(), "{letters:?}");
    let token = token_in(&letters[0]);
    assert_eq!(ada.get("/me").await.expect(200)["email_verified"], false);
    assert_eq!(context(&ada).await["email_verified"], "false");

    let tries = join_all((0..6).map(|_| verify(&ada, &token))).await;
    let worked = tries.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(worked, 1);
    for answer in tries.iter().filter(|answer| answer.status != 204) {
        assert!(matches!(answer.status, 422 | 503), "{:?}", answer.body);
        answer.shape();
    }
    assert_eq!(ada.get("/me").await.expect(200)["email_verified"], true);
    assert_eq!(context(&ada).await["email_verified"], "true");
    assert_eq!(eve.get("/me").await.expect(200)["email_verified"], false);

    let again = verify(&ada, &token).await;
    assert!(again.problem(422, "validation_failed").contains("token"));
    for nonsense in ["", "mt_", "x", &"y".repeat(5_000), &ada.refresh_token] {
        verify(&ada, nonsense)
            .await
            .problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn of_a_mailed_token_only_a_digest_is_kept() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let token = first_token(&cloud, &ada.email).await;
    let kept = cloud.everything_kept().await;
    assert!(kept.contains("verify-email"));
    let secret = token.strip_prefix("mt_").unwrap();
    assert!(!kept.contains(secret));
    let bytes = URL_SAFE_NO_PAD.decode(secret).unwrap();
    assert!(!kept.contains(&hex::encode(bytes)));
    let logs = cloud.stack.logs();
    let tells = |line: &String| line.contains(secret) || line.contains(&ada.email);
    assert!(!logs.iter().any(tells));
}

#[tokio::test]
async fn a_token_that_has_expired_verifies_nothing() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let token = first_token(&cloud, &ada.email).await;
    let bytes = URL_SAFE_NO_PAD
        .decode(token.strip_prefix("mt_").unwrap())
        .unwrap();
    let item = |pk: String| {
        cloud
            .dynamodb()
            .update_item()
            .table_name("velro-local-accountstable")
            .key("pk", AttributeValue::S(pk))
            .key("sk", AttributeValue::S("verify-email".to_owned()))
    };
    let day = AttributeValue::N((24 * 60 * 60 * 1_000).to_string());
    item(format!("token#{}", hex::encode(Sha256::digest(bytes))))
        .update_expression("SET expires_at_ms = expires_at_ms - :day")
        .condition_expression("attribute_exists(pk)")
        .expression_attribute_values(":day", day)
        .send()
        .await
        .unwrap();
    verify(&ada, &token).await.problem(422, "validation_failed");
    assert_eq!(ada.get("/me").await.expect(200)["email_verified"], false);
}

#[tokio::test]
async fn the_letter_can_be_asked_for_again_but_not_without_end() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let again = "/auth/verify-email/resend";
    for count in 2..=6 {
        let asked = ada.post(again, &json!({})).await;
        assert_eq!(asked.status, 202, "{:?}", asked.body);
        cloud.letters(&ada.email, SUBJECT, count).await;
    }
    ada.post(again, &json!({}))
        .await
        .problem(429, "rate_limited");
    assert_eq!(eve.post(again, &json!({})).await.status, 202);
    cloud
        .post(again, &json!({}))
        .await
        .problem(401, "unauthorized");

    let letters = cloud.letters(&ada.email, SUBJECT, 6).await;
    assert_eq!(verify(&ada, &token_in(&letters[5])).await.status, 204);
    assert_eq!(ada.get("/me").await.expect(200)["email_verified"], true);
    ada.post(again, &json!({})).await.problem(409, "conflict");
}

#[tokio::test]
async fn mail_that_cannot_be_sent_fails_no_sign_up_and_is_not_lost() {
    // SES refuses a sender that is not an identity of the account.
    let cloud = Cloud::start_with(&[("MailSender", "nobody@velro.invalid")]).await;
    cloud.expects_faults();
    let ada = cloud.person().await;
    eventually("the letter to be tried", || async {
        let tried = |line: &String| line.contains("a message comes back");
        cloud.stack.logs().iter().any(tried).then_some(())
    })
    .await;
    assert_eq!(cloud.local("mail").await, Vec::<Value>::new());
    assert_eq!(cloud.mail_queue().await, (1, 1));
    assert!(ada.sign_in(PASSWORD).await.is_signed_in().await);
}

#[tokio::test]
async fn letters_link_to_the_pages_that_the_operator_names() {
    let app_url = ("AppUrl", "https://app.example.org/a?b&c=");
    let cloud = Cloud::start_with(&[app_url]).await;
    let ada = cloud.person().await;
    let letter = &cloud.letters(&ada.email, SUBJECT, 1).await[0];
    let token = token_in(letter);
    let url = format!("{}/verify-email?token={token}", app_url.1);
    assert!(letter["text"].as_str().unwrap().contains(&url), "{letter}");
    let escaped = url.replace('&', "&amp;");
    assert!(
        letter["html"].as_str().unwrap().contains(&escaped),
        "{letter}"
    );
}

#[tokio::test]
async fn an_admins_address_makes_an_admin_only_of_who_has_verified_it() {
    let admins = "root@example.org, Boss@Example.org";
    let cloud = Cloud::start_with(&[("AdminEmails", admins)]).await;
    let boss = Person::register_as(&cloud, "boss@example.org").await;
    let ada = cloud.person().await;
    assert_eq!(boss.get("/me").await.expect(200)["is_admin"], false);
    assert_eq!(context(&boss).await["is_admin"], "false");

    for person in [&boss, &ada] {
        let token = first_token(&cloud, &person.email).await;
        assert_eq!(verify(person, &token).await.status, 204);
    }
    assert_eq!(boss.get("/me").await.expect(200)["is_admin"], true);
    assert_eq!(context(&boss).await["is_admin"], "true");
    assert_eq!(ada.get("/me").await.expect(200)["is_admin"], false);
    assert_eq!(context(&ada).await["is_admin"], "false");
    let signed_in = json!({"email": boss.email, "password": PASSWORD});
    let signed_in = cloud.post("/auth/login", &signed_in).await.expect(200);
    assert_eq!(signed_in["user"]["is_admin"], true);

    // A key of theirs does not suffice: it could be anywhere.
    let key = boss.post("/me/api-keys", &json!({})).await.text("secret");
    let token = Person { token: key, ..boss };
    assert_eq!(context(&token).await["is_admin"], "false");
}
