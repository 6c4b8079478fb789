//! Guessing is limited, and nobody can use the limits to lock out the owner of an account.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{Answer, Cloud, PASSWORD, Person, token_in};

const ANOTHER: &str = "a rather different phrase 8";

async fn login(cloud: &Cloud, host: u8, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    cloud.post_from(host, "/auth/login", &body).await
}

/// Sends guesses from one address, all at once; the number of those that were checked.
async fn guess(cloud: &Cloud, host: u8, email: &str, count: usize) -> usize {
    let guesses = (0..count).map(|_| login(cloud, host, email, "a guess"));
    let answers = join_all(guesses).await;
    for answer in answers.iter().filter(|answer| answer.status != 401) {
        answer.problem(429, "rate_limited");
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=900).contains(&seconds), "{seconds}");
    }
    let is_looked_at = |answer: &&Answer| answer.status == 401;
    answers.iter().filter(is_looked_at).count()
}

async fn reset(cloud: &Cloud, host: u8, ada: &Person<'_>) {
    let whose = json!({"email": ada.email});
    let asked = cloud.post_from(host, "/auth/password-reset", &whose).await;
    assert_eq!(asked.status, 202);
    let letters = cloud.letters(&ada.email, "Choose a new password", 1).await;
    let body = json!({"token": token_in(&letters[0]), "password": ANOTHER});
    let confirmed = cloud
        .post_from(host, "/auth/password-reset/confirm", &body)
        .await;
    assert_eq!(confirmed.status, 204);
}

#[tokio::test]
async fn five_wrong_guesses_lock_an_e_mail_for_where_they_come_from_and_for_nobody_else() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    // The answers are the same for known and unknown addresses.
    for email in [ada.email.as_str(), "nobody@example.org"] {
        assert_eq!(guess(&cloud, 66, email, 12).await, 5, "{email}");
    }
    let locked = login(&cloud, 66, &ada.email, PASSWORD).await;
    locked.problem(429, "rate_limited");
    assert_eq!(login(&cloud, 7, &ada.email, PASSWORD).await.status, 200);
    // A sign-in elsewhere does not unlock the guesser.
    let locked = login(&cloud, 66, &ada.email, PASSWORD).await;
    locked.problem(429, "rate_limited");
}

#[tokio::test]
async fn guesses_from_everywhere_lock_an_e_mail_but_not_where_its_owner_signs_in() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    assert_eq!(login(&cloud, 7, &ada.email, PASSWORD).await.status, 200);
    let mut looked_at = 0;
    for host in 100..112 {
        looked_at += guess(&cloud, host, &ada.email, 5).await;
    }
    assert_eq!(looked_at, 50);
    let locked = login(&cloud, 99, &ada.email, PASSWORD).await;
    locked.problem(429, "rate_limited");
    // Her own computer is known, and has the limit of one source as before.
    assert_eq!(login(&cloud, 7, &ada.email, PASSWORD).await.status, 200);
    assert_eq!(guess(&cloud, 7, &ada.email, 8).await, 5);

    // From a new place, and while the guesses go on, the letter lets her in.
    reset(&cloud, 88, &ada).await;
    for host in 120..132 {
        guess(&cloud, host, &ada.email, 5).await;
    }
    assert_eq!(login(&cloud, 88, &ada.email, ANOTHER).await.status, 200);
}

#[tokio::test]
async fn a_reset_opens_what_its_owner_locked_on_another_device() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    assert_eq!(guess(&cloud, 7, &ada.email, 6).await, 5);
    reset(&cloud, 8, &ada).await;
    assert_eq!(login(&cloud, 7, &ada.email, ANOTHER).await.status, 200);
}

#[tokio::test]
async fn an_admin_unlocks_an_account_that_was_locked_from_everywhere() {
    let cloud = Cloud::with_admin().await;
    let (admin, ada) = (cloud.admin().await, cloud.person().await);
    for host in 100..112 {
        guess(&cloud, host, &ada.email, 5).await;
    }
    for host in [99, 100] {
        let locked = login(&cloud, host, &ada.email, PASSWORD).await;
        locked.problem(429, "rate_limited");
    }
    let unlock = format!("/admin/users/{}/unlock", ada.id);
    ada.post(&unlock, &json!({}))
        .await
        .problem(403, "forbidden");
    admin.post(&unlock, &json!({})).await.expect(204);
    for host in [99, 100] {
        let opened = login(&cloud, host, &ada.email, PASSWORD).await;
        assert_eq!(opened.status, 200, "{host}");
    }
    let log = admin.get(&format!("/admin/audit?user_id={}", ada.id)).await;
    let acts = log.expect(200)["data"].clone();
    let acts = acts
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["act"].clone());
    assert!(acts.take(3).any(|act| act == "unlocked"));
    for nobody in ["usr_01KG9QZ3M4T5V6W7X8Y9Z0ABCD", "x"] {
        let path = format!("/admin/users/{nobody}/unlock");
        admin
            .post(&path, &json!({}))
            .await
            .problem(404, "not_found");
    }
}

#[tokio::test]
async fn two_writings_of_a_domain_are_one_account_and_a_bad_address_is_told_why() {
    let cloud = Cloud::start().await;
    let ada = Person::register_as(&cloud, "ada@b\u{fc}cher.example").await;
    let me = ada.get("/me").await.expect(200);
    assert_eq!(me["email"], "ada@xn--bcher-kva.example");
    for same in ["ada@xn--bcher-kva.example", "ADA@Bu\u{308}cher.example"] {
        let body = json!({"email": same, "password": PASSWORD});
        let again = cloud.post("/auth/register", &body).await;
        again.problem(409, "conflict");
        assert_eq!(login(&cloud, 7, same, PASSWORD).await.status, 200, "{same}");
    }
    for (email, word) in [
        ("ada@example.org.", "dot"),
        ("\u{e4}da@example.org", "ASCII"),
        ("ada", "e-mail address"),
    ] {
        let body = json!({"email": email, "password": PASSWORD});
        let refused = cloud.post("/auth/register", &body).await;
        assert!(refused.problem(422, "validation_failed").contains("email"));
        let message = refused.body["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(word), "{email}: {message}");
    }
}

#[tokio::test]
async fn a_password_opens_whichever_keyboard_writes_it() {
    let cloud = Cloud::start().await;
    let decomposed = "cafe\u{301} du\u{a0}matin";
    let body = json!({"email": "ada@example.org", "password": decomposed});
    assert_eq!(cloud.post("/auth/register", &body).await.status, 201);
    for typed in ["caf\u{e9} du matin", decomposed] {
        let answer = login(&cloud, 7, "ada@example.org", typed).await;
        assert_eq!(answer.status, 200, "{typed:?}");
    }
    let other = login(&cloud, 7, "ada@example.org", "cafe du matin").await;
    other.problem(401, "unauthorized");
    // A common password is recognised in every composition of its characters, and with hidden ones in it.
    for password in ["password1\u{323}\u{200d}", "trust\u{200b}no1"] {
        let body = json!({"email": "eve@example.org", "password": password});
        let refused = cloud.post("/auth/register", &body).await;
        assert!(
            refused
                .problem(422, "validation_failed")
                .contains("password")
        );
    }
}
