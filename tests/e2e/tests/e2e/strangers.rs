//! Accounts with somebody else's address. Only its mailbox proves an address: the stranger gains and keeps
//! nothing, and the owner of the address always gets in.

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_keys::make;
use crate::harness::{ADMIN_EMAIL, Answer, Cloud, PASSWORD, Person, eventually, send, token_in};

const VERIFY: &str = "Verify your e-mail address";
const RESET: &str = "Choose a new password";
const OWNERS: &str = "the owner's own pass phrase";

async fn token(cloud: &Cloud, email: &str) -> String {
    token_in(&cloud.letters(email, VERIFY, 1).await[0])
}

async fn login(cloud: &Cloud, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    cloud.post("/auth/login", &body).await
}

/// Whether any of a person's credentials opens anything, once the authorizer's minute is over.
async fn opens(person: &Person<'_>, key: &str) -> bool {
    let signed_in = person.is_signed_in().await;
    let request = person.cloud.request(Method::GET, "/credits");
    let with_key = send(request.bearer_auth(key)).await.status;
    assert!(matches!(with_key, 200 | 401), "{with_key}");
    signed_in || with_key == 200
}

async fn ask_for_reset(cloud: &Cloud, email: &str) -> String {
    let body = json!({"email": email});
    let asked = cloud.post("/auth/password-reset", &body).await;
    assert_eq!(asked.status, 202);
    token_in(&cloud.letters(email, RESET, 1).await[0])
}

#[tokio::test]
async fn a_stranger_who_registers_an_admins_address_first_is_no_admin_when_its_owner_verifies_it() {
    let cloud = Cloud::with_admin().await;
    let (mallory, eve) = (
        Person::register_as(&cloud, ADMIN_EMAIL).await,
        cloud.person().await,
    );
    let (_, key) = make(&mallory, &json!({})).await;
    let token = token(&cloud, ADMIN_EMAIL).await;

    // The token alone, or with anybody else's credential, verifies nothing.
    let bare = json!({"token": token});
    let anonymous = cloud.post("/auth/verify-email", &bare).await;
    let of_another = eve.post("/auth/verify-email", &bare).await;
    for refused in [anonymous, of_another] {
        let fields = refused.problem(422, "validation_failed");
        assert!(fields.contains("password"), "{fields:?}");
    }
    let with = |credential: &str| {
        let request = cloud.request(Method::POST, "/auth/verify-email");
        send(request.bearer_auth(credential).json(&bare))
    };
    for credential in [
        key.as_str(),
        "no.such.token",
        mallory.refresh_token.as_str(),
    ] {
        with(credential).await.problem(401, "unauthorized");
    }
    assert_eq!(
        mallory.get("/me").await.expect(200)["email_verified"],
        false
    );

    // Changing the password after the letter was sent does not help either.
    let change =
        json!({"current_password": PASSWORD, "new_password": "the stranger's other phrase"});
    assert_eq!(mallory.post("/me/password", &change).await.status, 204);
    let body = json!({"token": token, "password": OWNERS});
    assert_eq!(cloud.post("/auth/verify-email", &body).await.status, 204);
    assert!(!opens(&mallory, &key).await);
    login(&cloud, ADMIN_EMAIL, "the stranger's other phrase")
        .await
        .problem(401, "unauthorized");
    login(&cloud, ADMIN_EMAIL, PASSWORD)
        .await
        .problem(401, "unauthorized");
    let owner = login(&cloud, ADMIN_EMAIL, OWNERS).await.expect(200);
    assert_eq!(owner["user"]["email_verified"], true);
    assert_eq!(owner["user"]["is_admin"], true);
    let again = cloud.post("/auth/verify-email", &body).await;
    again.problem(422, "validation_failed");
}

#[tokio::test]
async fn who_resets_by_mail_has_shown_their_mailbox_and_is_alone_in_the_account() {
    let cloud = Cloud::start().await;
    let mallory = cloud.person().await;
    let (_, key) = make(&mallory, &json!({})).await;
    let token = ask_for_reset(&cloud, &mallory.email).await;
    let body = json!({"token": token, "password": OWNERS});
    let reset = cloud.post("/auth/password-reset/confirm", &body).await;
    assert_eq!(reset.status, 204);

    assert!(!opens(&mallory, &key).await);
    let owner = mallory.sign_in(OWNERS).await;
    assert_eq!(owner.get("/me").await.expect(200)["email_verified"], true);
    let keys = owner.get("/me/api-keys").await.expect(200);
    assert_eq!(keys["data"], json!([]));
    // The earlier letters to the mailbox belong to an account that is over.
    let before = token_in(&cloud.letters(&owner.email, VERIFY, 1).await[0]);
    let body = json!({"token": before, "password": PASSWORD});
    let refused = cloud.post("/auth/verify-email", &body).await;
    refused.problem(422, "validation_failed");
    assert!(owner.is_signed_in().await);
}

#[tokio::test]
async fn an_account_that_a_stranger_made_is_declined_and_the_address_is_free_again() {
    let cloud = Cloud::start().await;
    let mallory = cloud.person().await;
    let (_, key) = make(&mallory, &json!({})).await;
    let letter = &cloud.letters(&mallory.email, VERIFY, 1).await[0];
    assert!(
        letter["text"].as_str().unwrap().contains("decline"),
        "{letter}"
    );
    let body = json!({"token": token_in(letter)});
    let decline = || cloud.post("/auth/verify-email/decline", &body);

    // A running job is waited for, but the stranger is out at once.
    let running = mallory.generate("flux-dev", "[[delay:5s]]").await;
    mallory.when(&running, "running").await;
    decline().await.problem(409, "conflict");
    assert!(!opens(&mallory, &key).await);
    login(&cloud, &mallory.email, PASSWORD)
        .await
        .problem(401, "unauthorized");
    eventually("the job to end", || async {
        let declined = decline().await;
        assert!(matches!(declined.status, 204 | 409), "{declined:?}");
        (declined.status == 204).then_some(())
    })
    .await;
    decline().await.problem(422, "validation_failed");

    let owner = Person::register_as(&cloud, &mallory.email).await;
    assert_ne!(owner.id, mallory.id);
    assert!(owner.is_signed_in().await);
    let run = cloud.reconcile(&json!({"from": "beginning"})).await;
    assert_eq!(run["broken_count"], 0, "{run}");
}

#[tokio::test]
async fn a_verified_account_cannot_be_declined_with_any_letter() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let first = token(&cloud, &ada.email).await;
    let asked = ada.post("/auth/verify-email/resend", &json!({})).await;
    assert_eq!(asked.status, 202);
    let letters = cloud.letters(&ada.email, VERIFY, 2).await;
    let second = token_in(letters.iter().find(|mail| token_in(mail) != first).unwrap());
    let body = json!({"token": first});
    let verified = ada.post("/auth/verify-email", &body).await;
    assert_eq!(verified.status, 204);
    for token in [&first, &second] {
        let body = json!({"token": token});
        let declined = cloud.post("/auth/verify-email/decline", &body).await;
        declined.problem(422, "validation_failed");
    }
    assert!(ada.is_signed_in().await);
}

#[tokio::test]
async fn keys_end_with_signing_out_everywhere_and_with_a_change_of_password_only_if_so_asked() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let opens = async |key: &str| {
        cloud.stack.forget_callers();
        let request = cloud.request(Method::GET, "/credits").bearer_auth(key);
        send(request).await.status == 200
    };
    let (_, key) = make(&ada, &json!({})).await;
    let change = |old: &str, new: &str, ends: Value| {
        let body = json!({"current_password": old, "new_password": new, "revoke_api_keys": ends});
        let ada = &ada;
        async move { ada.post("/me/password", &body).await.status }
    };
    assert_eq!(change(PASSWORD, OWNERS, json!(false)).await, 204);
    assert!(opens(&key).await);
    assert_eq!(change(OWNERS, PASSWORD, json!(true)).await, 204);
    assert!(!opens(&key).await);
    assert!(ada.is_signed_in().await);
    let none = ada.get("/me/api-keys").await.expect(200);
    assert_eq!(none["data"], json!([]));

    let ada = ada.sign_in(PASSWORD).await;
    let (_, key) = make(&ada, &json!({})).await;
    let out = ada.post("/auth/logout", &json!({"all": true})).await;
    assert_eq!(out.status, 204);
    assert!(!opens(&key).await);
}

#[tokio::test]
async fn a_session_that_has_ended_makes_no_key_although_the_authorizer_still_lets_it_in() {
    let cloud = Cloud::start().await;
    let mallory = cloud.person().await;
    let (_, key) = make(&mallory, &json!({"credit_cap": 500})).await;
    let with_key = || {
        let request = cloud.request(Method::POST, "/generations/flux-dev");
        send(request.bearer_auth(&key).json(&json!({"prompt": "x"})))
    };
    assert_eq!(with_key().await.status, 202);
    let token = ask_for_reset(&cloud, &mallory.email).await;
    let body = json!({"token": token, "password": OWNERS});
    let reset = cloud.post("/auth/password-reset/confirm", &body).await;
    assert_eq!(reset.status, 204);
    // The authorizer has not been asked again yet.
    let late = mallory.post("/me/api-keys", &json!({})).await;
    late.problem(401, "unauthorized");
    with_key().await.problem(401, "unauthorized");
    let owner = mallory.sign_in(OWNERS).await;
    let keys = owner.get("/me/api-keys").await.expect(200);
    assert_eq!(keys["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_number_of_dead_keys_hides_a_living_one() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let (first, secret) = make(&ada, &json!({"name": "the first"})).await;
    for _ in 0..20 {
        join_all((0..10).map(|_| async {
            let (id, _) = make(&ada, &json!({})).await;
            assert_eq!(ada.delete(&format!("/me/api-keys/{id}")).await.status, 204);
        }))
        .await;
    }
    let keys = ada.get("/me/api-keys").await.expect(200);
    assert_eq!(keys["data"].as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(keys["data"][0]["id"], json!(first));
    assert_eq!(
        ada.delete(&format!("/me/api-keys/{first}")).await.status,
        204
    );
    cloud.stack.forget_callers();
    let request = cloud.request(Method::GET, "/credits").bearer_auth(&secret);
    send(request).await.problem(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_keys_live_and_no_more_however_many_are_made_at_once() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let mut made = 0;
    for _ in 0..3 {
        let body = json!({"scopes": ["read"]});
        let answers = join_all((0..10).map(|_| ada.post("/me/api-keys", &body))).await;
        for answer in &answers {
            assert!(
                matches!(answer.status, 201 | 409 | 503),
                "{:?}",
                answer.body
            );
        }
        made += answers.iter().filter(|answer| answer.status == 201).count();
    }
    let listed = ada.get("/me/api-keys").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), made);
    assert!(made <= 20, "{made}");
    for _ in made..20 {
        make(&ada, &json!({})).await;
    }
    let full = ada.post("/me/api-keys", &json!({})).await;
    full.problem(409, "conflict");
}

#[tokio::test]
async fn an_access_token_alone_deletes_no_account() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let erase = |body: Value| send(ada.request(Method::DELETE, "/me").json(&body));
    let bare = send(ada.request(Method::DELETE, "/me")).await;
    assert!(matches!(bare.status, 400 | 422), "{:?}", bare.body);
    for body in [
        json!({}),
        json!({"password": ""}),
        json!({"password": OWNERS}),
    ] {
        let fields = erase(body).await.problem(422, "validation_failed");
        assert!(fields.contains("password"), "{fields:?}");
    }
    assert!(ada.is_signed_in().await);
    assert_eq!(erase(json!({"password": PASSWORD})).await.status, 204);
    assert!(!ada.is_signed_in().await);
}

#[tokio::test]
async fn guesses_at_the_password_of_a_deletion_are_limited() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let mut statuses = Vec::new();
    for n in 0..6 {
        let body = json!({"password": format!("guess number {n}")});
        let answer = send(ada.request(Method::DELETE, "/me").json(&body)).await;
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [422, 422, 422, 422, 422, 429]);
}
