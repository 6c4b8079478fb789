//! After a full run – sessions, keys, mail, jobs, purchases, and everything refused – no secret is to be
//! found in any table, any log line, or any error.

use serde_json::{Value, json};

use crate::harness::{Answer, Cloud, PASSWORD, Person, token_in};

const NEW_PASSWORD: &str = "another long pass phrase";
const WRONG_PASSWORD: &str = "not the pass phrase at all";
/// The secrets that `cargo local` gives the functions.
const OURS: [&str; 3] = ["local-fal-key", "local-stripe-key", "whsec_local"];

/// The secrets that must not be found, each with its description.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 8, "{what} is too short to be looked for");
        self.0.push((what, secret.to_owned()));
    }

    fn add_tokens(&mut self, signed_in: &Value) {
        let token = |field: &str| signed_in[field].as_str().unwrap();
        self.add("an access token", token("access_token"));
        self.add("a refresh token", token("refresh_token"));
        // Only its last part is secret: 32 bytes in base64url, which may contain an underscore, too.
        let secret = token("refresh_token").len() - 43;
        let (_, secret) = token("refresh_token").split_at(secret);
        self.add("the secret of a refresh token", secret);
    }

    #[track_caller]
    fn check(&self, place: &str, text: &str) {
        for (what, secret) in &self.0 {
            let found = text.find(secret.as_str());
            let around = found.map(|at| &text[at.saturating_sub(120)..at]);
            assert_eq!(around, None, "{what} is in {place}, after this");
        }
    }
}

/// Signs in, refreshes, is refused, and makes a key; the errors on the way.
async fn sign_in_and_out(person: &Person<'_>, secrets: &mut Secrets) -> Vec<Answer> {
    let cloud = person.cloud;
    let login = |password: &str| json!({"email": person.email, "password": password});
    let signed_in = cloud
        .post("/auth/login", &login(PASSWORD))
        .await
        .expect(200);
    secrets.add_tokens(&signed_in);
    let refresh = signed_in["refresh_token"].as_str().unwrap();
    let refreshed = cloud.refresh(refresh).await.expect(200);
    secrets.add_tokens(&refreshed);
    let made = person
        .post("/me/api-keys", &json!({"name": "laptop"}))
        .await;
    let key = made.expect(201)["secret"].as_str().unwrap().to_owned();
    secrets.add("an API key", &key);
    let used = person.cloud.request(reqwest::Method::GET, "/credits");
    let used = crate::harness::send(used.bearer_auth(&key)).await;
    assert_eq!(used.status, 200);
    let mut forged = key.clone();
    forged.pop();
    let forged_use = person.cloud.request(reqwest::Method::GET, "/credits");
    vec![
        cloud.post("/auth/login", &login(WRONG_PASSWORD)).await,
        cloud.post("/auth/register", &login(PASSWORD)).await,
        crate::harness::send(forged_use.bearer_auth(forged)).await,
        cloud.refresh(&format!("{refresh}x")).await,
        person
            .post(
                "/me/password",
                &json!({"current_password": WRONG_PASSWORD, "new_password": NEW_PASSWORD}),
            )
            .await,
        person
            .post(
                "/me/password",
                &json!({"current_password": PASSWORD, "new_password": 7}),
            )
            .await,
    ]
}

/// Verifies the e-mail, and sets another password by mail.
async fn use_mail(person: &Person<'_>, secrets: &mut Secrets) -> Vec<Answer> {
    let cloud = person.cloud;
    let letters = cloud
        .letters(&person.email, "Verify your e-mail address", 1)
        .await;
    let token = token_in(&letters[0]);
    secrets.add("a token that verifies", &token);
    let verify = json!({"token": token});
    assert_eq!(person.post("/auth/verify-email", &verify).await.status, 204);
    let again = person.post("/auth/verify-email", &verify).await;

    let whose = json!({"email": person.email});
    let asked = cloud.post("/auth/password-reset", &whose).await;
    assert_eq!(asked.status, 202);
    let letters = crate::harness::eventually("a letter that resets", || async {
        let mut letters = cloud.local("mail").await;
        letters.retain(|mail| mail["to"] == json!([person.email]));
        (letters.len() == 2).then_some(letters)
    });
    for letter in letters.await {
        secrets.add("a mailed token", &token_in(&letter));
    }
    vec![again]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_full_run_no_secret_is_in_any_table_log_line_or_error() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let mut secrets = Secrets::default();
    for (what, secret) in [
        ("a password", PASSWORD),
        ("a new password", NEW_PASSWORD),
        ("a guess", WRONG_PASSWORD),
        ("an access token", &ada.token),
        ("a refresh token", &ada.refresh_token),
    ] {
        secrets.add(what, secret);
    }
    for secret in OURS {
        secrets.add("a secret of ours", secret);
    }
    let mut errors = sign_in_and_out(&ada, &mut secrets).await;
    errors.extend(use_mail(&ada, &mut secrets).await);

    let delivered = ada.generate("flux-dev", "a fox").await;
    let failed = ada.generate("flux-dev", "[[fail]]").await;
    ada.when(&failed, "failed").await;
    let delivered = ada.when(&delivered, "succeeded").await;
    ada.download(&delivered).await;
    let url = delivered["outputs"][0]["url"].as_str().unwrap();
    let (_, signature) = url.split_once("sig=").unwrap();
    secrets.add("a signature of an address", signature);
    let followed = cloud.http.get(url).send().await.unwrap();
    let stored_at = followed.headers()["location"].to_str().unwrap();
    let (_, signature) = stored_at.split_once("X-Amz-Signature=").unwrap();
    secrets.add("a signature of a URL", &signature[..64]);
    for job in cloud.local("fal/jobs").await {
        let url = job["webhook_url"].as_str().unwrap();
        let (_, secret) = url.rsplit_once(['/', '=']).unwrap();
        secrets.add("a webhook's secret", secret);
    }
    let pack = json!({"pack": "starter", "success_url": "https://shop.example/", "cancel_url": "https://shop.example/"});
    let session = ada.post("/credits/checkout", &pack).await.expect(201);
    let path = format!(
        "stripe/sessions/{}/complete",
        session["id"].as_str().unwrap()
    );
    cloud.act(&path, &json!({})).await;
    errors.push(
        cloud
            .post("/webhooks/stripe", &json!({"id": "evt_1"}))
            .await,
    );
    errors.push(
        cloud
            .post("/webhooks/fal", &json!({"request_id": "x"}))
            .await,
    );

    for error in errors {
        assert!((400..500).contains(&error.status), "{error:?}");
        secrets.check("an error", &error.body.to_string());
    }
    secrets.check("a table", &cloud.everything_kept().await);
    let logged = cloud.everything_logged();
    assert!(logged.lines().count() > 10, "nothing was logged");
    secrets.check("a log line", &logged);
}
