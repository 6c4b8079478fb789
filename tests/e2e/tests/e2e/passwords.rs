//! Choosing, changing and guessing passwords.

use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Answer, Cloud, PASSWORD, Person, send, token_in};

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
async fn guesses_at_ones_own_password_have_a_limit_of_their_own() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let guesses = join_all((0..12).map(|_| change(&ada, "not the password", ANOTHER))).await;
    let looked_at = guesses.iter().filter(|answer| answer.status == 422).count();
    assert_eq!(looked_at, 5);
    for guess in guesses.iter().filter(|answer| answer.status != 422) {
        guess.problem(429, "rate_limited");
    }
    change(&ada, PASSWORD, ANOTHER)
        .await
        .problem(429, "rate_limited");
    // A stolen access token prevents nobody from signing in, and guesses at the sign-in do not prevent
    // somebody who is signed in from changing their password.
    assert!(ada.sign_in(PASSWORD).await.is_signed_in().await);
    let eve = cloud.person().await;
    let guess = json!({"email": eve.email, "password": "a guess"});
    join_all((0..6).map(|_| cloud.post("/auth/login", &guess))).await;
    assert_eq!(change(&eve, PASSWORD, ANOTHER).await.status, 204);
}

/// The most memory that the one instance of the sign-in function has ever used, in KiB.
async fn peak_kib(cloud: &Cloud) -> u64 {
    let functions = cloud.local("functions").await;
    let login = functions.iter().find(|f| f["name"] == "accounts-login");
    let instances = login.unwrap()["instances"].as_array().unwrap().clone();
    let [instance] = instances.as_slice() else {
        panic!("not one instance: {instances:?}");
    };
    let status = std::fs::read_to_string(format!("/proc/{}/status", instance["pid"])).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().trim().trim_end_matches(" kB");
    peak.parse().unwrap()
}

#[tokio::test]
async fn a_password_is_hashed_whether_or_not_anybody_has_the_e_mail() {
    // The work of a hash shows in memory, which other load on the machine cannot blur as it can time.
    const HASH_KIB: u64 = 19_456;
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    for email in [ada.email.as_str(), "nobody@example.org"] {
        cloud.act("functions/accounts-login/kill", &json!({})).await;
        let nothing = cloud.post("/auth/login", &json!({"email": email})).await;
        nothing.problem(422, "validation_failed");
        let before = peak_kib(&cloud).await;
        let body = json!({"email": email, "password": "not the password"});
        let answer = cloud.post("/auth/login", &body).await;
        answer.problem(401, "unauthorized");
        let grown = peak_kib(&cloud).await - before;
        assert!(grown >= HASH_KIB, "{email}: {grown} KiB");
    }
}

#[tokio::test]
async fn common_passwords_are_refused_however_they_are_written() {
    let cloud = Cloud::start().await;
    for password in [
        "password123",
        "QWERTYUIOP",
        "iloveyou2",
        "1q2w3e4r5t",
        "Trustno1",
    ] {
        let body = json!({"email": "ada@example.org", "password": password});
        let answer = cloud.post("/auth/register", &body).await;
        let fields = answer.problem(422, "validation_failed");
        assert!(fields.contains("password"), "{password}: {fields:?}");
        assert_eq!(
            answer.body["errors"][0]["code"], "not_allowed",
            "{password}"
        );
    }
}

#[tokio::test]
async fn guesses_from_one_address_are_limited_whoever_they_are_at() {
    let cloud = Cloud::start_with(&[("SourceLimits", "on")]).await;
    let ada = cloud.person().await;
    // Successful attempts do not count.
    for _ in 0..3 {
        ada.sign_in(PASSWORD).await;
    }
    let guesses: Vec<_> = (0..110)
        .map(|n| json!({"email": format!("nobody-{n}@example.org"), "password": "a guess"}))
        .collect();
    let answers = join_all(guesses.iter().map(|body| cloud.post("/auth/login", body))).await;
    let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(looked_at, 100);
    for answer in answers.iter().filter(|answer| answer.status != 401) {
        answer.problem(429, "rate_limited");
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=3_600).contains(&seconds), "{seconds}");
    }
    // A made-up address does not help either.
    let right = json!({"email": ada.email, "password": PASSWORD});
    let request = cloud
        .request(Method::POST, "/auth/login")
        .header("x-forwarded-for", "198.51.100.7");
    let spoofed = send(request.json(&right)).await;
    spoofed.problem(429, "rate_limited");
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn registrations_from_one_address_are_limited() {
    let limits = [("SourceLimits", "on"), ("RegistrationsPerHour", "6")];
    let cloud = Cloud::start_with(&limits).await;
    let bodies: Vec<_> = (0..16)
        .map(|n| json!({"email": format!("one-of-many-{n}@example.org"), "password": PASSWORD}))
        .collect();
    let answers = join_all(bodies.iter().map(|body| cloud.post("/auth/register", body))).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 6);
    // Somebody elsewhere is not locked out.
    let elsewhere = json!({"email": "elsewhere@example.org", "password": PASSWORD});
    let answer = cloud.post_from(9, "/auth/register", &elsewhere);
    assert_eq!(answer.await.status, 201);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.problem(429, "rate_limited");
    }
}

const RESET: &str = "Choose a new password";

async fn ask_for_reset(cloud: &Cloud, email: &str) -> Answer {
    let body = json!({"email": email});
    cloud.post("/auth/password-reset", &body).await
}

async fn reset(cloud: &Cloud, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password});
    cloud.post("/auth/password-reset/confirm", &body).await
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_once_by_mail_and_every_session_ends() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let phone = ada.sign_in(PASSWORD).await;
    // A guesser locked her out.
    let guess = json!({"email": ada.email, "password": "a guess"});
    join_all((0..6).map(|_| cloud.post("/auth/login", &guess))).await;
    for _ in 0..2 {
        assert_eq!(
            ask_for_reset(&cloud, &ada.email.to_uppercase())
                .await
                .status,
            202
        );
    }
    let letters = cloud.letters(&ada.email, RESET, 2).await;
    let (token, other) = (token_in(&letters[0]), token_in(&letters[1]));

    // A password that is not allowed uses nothing up.
    for bad in ["short 7", "password123"] {
        let refused = reset(&cloud, &token, bad).await;
        assert!(
            refused
                .problem(422, "validation_failed")
                .contains("password")
        );
    }
    assert!(ada.is_signed_in().await && phone.is_signed_in().await);
    let tries = join_all((0..4).map(|_| reset(&cloud, &token, ANOTHER))).await;
    let worked = tries.iter().filter(|answer| answer.status == 204).count();
    assert_eq!(worked, 1);
    for session in [&ada, &phone] {
        assert!(!session.is_signed_in().await);
    }
    assert!(ada.sign_in(ANOTHER).await.is_signed_in().await);
    let old = json!({"email": ada.email, "password": PASSWORD});
    cloud
        .post("/auth/login", &old)
        .await
        .problem(401, "unauthorized");
    // One is used, and the other replaced.
    for dead in [&token, &other] {
        let refused = reset(&cloud, dead, PASSWORD).await;
        assert!(refused.problem(422, "validation_failed").contains("token"));
    }
    assert!(ada.sign_in(ANOTHER).await.is_signed_in().await);
    assert!(eve.is_signed_in().await);
}

#[tokio::test]
async fn asking_for_another_password_tells_nothing_about_who_exists() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let known = ask_for_reset(&cloud, &ada.email).await;
    let unknown = ask_for_reset(&cloud, "nobody@example.org").await;
    assert_eq!((known.status, unknown.status), (202, 202));
    assert_eq!(known.body, unknown.body);
    let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&known), names(&unknown));
    cloud.letters(&ada.email, RESET, 1).await;
    // Both sent the same message to the worker, which alone looks up who exists.
    cloud.mail_worker_is_done(3).await;
    let mail = cloud.local("mail").await;
    assert!(
        !mail
            .iter()
            .any(|mail| mail["to"] == json!(["nobody@example.org"]))
    );
    assert_eq!(mail.len(), 2, "{mail:#?}");
    let malformed = ask_for_reset(&cloud, "nobody").await;
    malformed.problem(422, "validation_failed");
}

#[tokio::test]
async fn a_token_for_one_purpose_serves_no_other_and_nothing_else_resets_a_password() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    ask_for_reset(&cloud, &ada.email).await;
    let for_reset = token_in(&cloud.letters(&ada.email, RESET, 1).await[0]);
    let subject = "Verify your e-mail address";
    let to_verify = token_in(&cloud.letters(&ada.email, subject, 1).await[0]);
    for wrong in [&to_verify, &ada.refresh_token, &ada.token, "", "mt_x"] {
        let refused = reset(&cloud, wrong, ANOTHER).await;
        refused.problem(422, "validation_failed");
    }
    let body = json!({"token": for_reset});
    let refused = cloud.post("/auth/verify-email", &body).await;
    refused.problem(422, "validation_failed");
    let request = cloud.request(Method::GET, "/me").bearer_auth(&for_reset);
    send(request).await.problem(401, "unauthorized");
    // Once her address is verified, a change of the password ends the letters that were mailed before.
    cloud.verify_by_hand(&ada).await;
    assert_eq!(change(&ada, PASSWORD, ANOTHER).await.status, 204);
    let refused = reset(&cloud, &for_reset, PASSWORD).await;
    refused.problem(422, "validation_failed");
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn nobody_is_flooded_with_letters() {
    let cloud = Cloud::start_with(&[("SourceLimits", "on")]).await;
    let ada = cloud.person().await;
    let asked = join_all((0..24).map(|_| ask_for_reset(&cloud, &ada.email))).await;
    let accepted = asked.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(accepted, 20);
    for answer in asked.iter().filter(|answer| answer.status != 202) {
        answer.problem(429, "rate_limited");
    }
    cloud.mail_worker_is_done(21).await;
    assert_eq!(cloud.local("mail").await.len(), 10, "an hour's worth");
}
