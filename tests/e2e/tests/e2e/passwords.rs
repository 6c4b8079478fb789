//! Choosing, changing and guessing passwords.

use futures::future::join_all;
use serde_json::json;

use crate::harness::{Answer, Cloud, PASSWORD, Person};

const ANOTHER: &str = "a rather different phrase 8";

async fn change(person: &Person<'_>, current: &str, new: &str) -> Answer {
    let body = json!({"current_password": current, "new_password": new});
    person.post("/me/password", &body).await
}

#[tokio::test]
async fn a_changed_password_ends_every_session_but_the_one_that_changed_it() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let phone = ada.sign_in(PASSWORD).await;
    let changed = change(&ada, PASSWORD, ANOTHER).await;
    assert_eq!(changed.status, 204, "{:?}", changed.body);
    assert!(!phone.is_signed_in().await);
    assert!(ada.is_signed_in().await && eve.is_signed_in().await);
    assert!(ada.sign_in(ANOTHER).await.is_signed_in().await);
    let old = json!({"email": ada.email, "password": PASSWORD});
    cloud
        .post("/auth/login", &old)
        .await
        .problem(401, "unauthorized");
    assert!(eve.sign_in(PASSWORD).await.is_signed_in().await);
}

#[tokio::test]
async fn a_password_is_changed_only_by_who_knows_it_and_to_one_that_is_allowed() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let wrong = change(&ada, "not the password", ANOTHER).await;
    let fields = wrong.problem(422, "validation_failed");
    assert!(fields.contains("current_password"), "{fields:?}");
    for (new, code) in [
        ("short 7", "too_short"),
        (&*"x y".repeat(43), "too_long"),
        ("Password1", "not_allowed"),
        ("tab\tand more", "malformed"),
    ] {
        let refused = change(&ada, PASSWORD, new).await;
        let fields = refused.problem(422, "validation_failed");
        assert!(fields.contains("new_password"), "{new}: {fields:?}");
        assert_eq!(refused.body["errors"][0]["code"], code, "{new}");
    }
    assert!(ada.is_signed_in().await);
    assert!(ada.sign_in(PASSWORD).await.is_signed_in().await);
}

#[tokio::test]
async fn guessing_at_the_current_password_locks_as_guessing_at_sign_in_does() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let guesses = join_all((0..12).map(|_| change(&ada, "not the password", ANOTHER))).await;
    let looked_at = guesses.iter().filter(|answer| answer.status == 422).count();
    assert_eq!(looked_at, 5);
    for guess in guesses.iter().filter(|answer| answer.status != 422) {
        guess.problem(429, "rate_limited");
    }
    let right = json!({"email": ada.email, "password": PASSWORD});
    let answer = cloud.post("/auth/login", &right).await;
    answer.problem(429, "rate_limited");
    change(&ada, PASSWORD, ANOTHER)
        .await
        .problem(429, "rate_limited");
}
