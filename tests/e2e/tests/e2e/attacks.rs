//! Forged tokens and webhooks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::pkcs8::EncodePublicKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, Mac as _};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::harness::{Cloud, Person, send};

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A genuine token's header and claims.
fn read(token: &str) -> (Value, Value) {
    let parts: Vec<_> = token.split('.').collect();
    (decode(parts[0]), decode(parts[1]))
}

fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = key.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn sign_hmac(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{message}.{signature}")
}

/// The key that really signs, which only an operator can read.
async fn genuine_key(cloud: &Cloud) -> SigningKey {
    let stored = cloud.stack.aws().get_parameter("/velro/signing-keys").await;
    let stored: Value = serde_json::from_str(&stored.unwrap()).unwrap();
    let seed = stored["keys"][0]["seed"].as_str().unwrap();
    let seed: [u8; 32] = URL_SAFE_NO_PAD.decode(seed).unwrap().try_into().unwrap();
    SigningKey::from_bytes(&seed)
}

fn with(value: &Value, changes: &[(&str, Value)]) -> Value {
    let mut changed = value.clone();
    for (name, to) in changes {
        changed[*name] = to.clone();
    }
    changed
}

/// A genuine token, and everything that is needed to make more of them.
struct Genuine {
    key: SigningKey,
    header: Value,
    claims: Value,
    token: String,
}

impl Genuine {
    async fn of(cloud: &Cloud, person: &Person<'_>) -> Self {
        let (header, claims) = read(&person.token);
        Self {
            key: genuine_key(cloud).await,
            header,
            claims,
            token: person.token.clone(),
        }
    }

    /// The token with other claims, signed anew.
    fn claiming(&self, changes: &[(&str, Value)]) -> String {
        sign(&self.key, &self.header, &with(&self.claims, changes))
    }

    /// The token with another header, signed anew.
    fn headed(&self, changes: &[(&str, Value)]) -> String {
        sign(&self.key, &with(&self.header, changes), &self.claims)
    }

    /// The token with the algorithm `alg` in its header, and with this signature.
    fn unsigned(&self, alg: &str, signature: &str) -> String {
        let header = with(&self.header, &[("alg", json!(alg))]);
        format!("{}.{}.{signature}", encode(&header), encode(&self.claims))
    }

    /// The token's first two parts, and its signature.
    fn halves(&self) -> (&str, &str) {
        self.token.rsplit_once('.').unwrap()
    }
}

/// A forged token, and how it was forged.
type Forgery = (&'static str, String);

fn with_no_signature(genuine: &Genuine) -> Vec<Forgery> {
    let (message, signature) = genuine.halves();
    let token = &genuine.token;
    vec![
        ("alg none, no signature", genuine.unsigned("none", "")),
        (
            "alg none, the old signature",
            genuine.unsigned("none", signature),
        ),
        ("alg NONE", genuine.unsigned("NONE", "")),
        ("cut off", token[..token.len() - 9].to_owned()),
        ("without its signature", message.to_owned()),
    ]
}

fn with_another_key(genuine: &Genuine) -> Vec<Forgery> {
    let Genuine { header, claims, .. } = genuine;
    let confused = with(header, &[("alg", json!("HS256"))]);
    let public = genuine.key.verifying_key();
    let pem = public.to_public_key_pem(Default::default()).unwrap();
    let stranger = SigningKey::from_bytes(&[7; 32]);
    let x = URL_SAFE_NO_PAD.encode(stranger.verifying_key().as_bytes());
    let mut own_key = with(header, &[("alg", json!("EdDSA"))]);
    own_key["jwk"] = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    vec![
        (
            "public key as an HMAC secret",
            sign_hmac(public.as_bytes(), &confused, claims),
        ),
        (
            "public PEM as an HMAC secret",
            sign_hmac(pem.as_bytes(), &confused, claims),
        ),
        ("a stranger's key", sign(&stranger, header, claims)),
        (
            "a stranger's key, brought along",
            sign(&stranger, &own_key, claims),
        ),
        (
            "an unknown key id",
            genuine.headed(&[("kid", json!("nobody"))]),
        ),
        (
            "a key id that is a path",
            genuine.headed(&[("kid", json!("../../dev/null"))]),
        ),
        ("no key id", genuine.headed(&[("kid", Value::Null)])),
    ]
}

fn with_other_claims(genuine: &Genuine) -> Vec<Forgery> {
    let now = genuine.claims["iat"].as_i64().unwrap();
    let claim = |changes: &[(&str, Value)]| genuine.claiming(changes);
    let longer = with(&genuine.claims, &[("exp", json!(now + 99_999))]);
    let (_, signature) = genuine.halves();
    vec![
        (
            "expired",
            claim(&[("iat", json!(now - 2_000)), ("exp", json!(now - 60))]),
        ),
        (
            "from the future",
            claim(&[("iat", json!(now + 600)), ("exp", json!(now + 900))]),
        ),
        ("not valid yet", claim(&[("nbf", json!(now + 600))])),
        ("another audience", claim(&[("aud", json!("another-api"))])),
        (
            "two audiences",
            claim(&[("aud", json!(["velro-api", "another"]))]),
        ),
        (
            "another issuer",
            claim(&[("iss", json!("https://evil.example"))]),
        ),
        (
            "another user in this session",
            claim(&[("sub", json!("usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"))]),
        ),
        ("no session", claim(&[("sid", Value::Null)])),
        (
            "an unknown session",
            claim(&[("sid", json!("ses_01ARZ3NDEKTSV4RRFFQ69G5FAV"))]),
        ),
        ("no expiry", claim(&[("exp", Value::Null)])),
        (
            "claims changed",
            format!(
                "{}.{}.{signature}",
                encode(&genuine.header),
                encode(&longer)
            ),
        ),
        ("oversized", claim(&[("pad", json!("x".repeat(6_000)))])),
    ]
}

async fn forgeries(cloud: &Cloud, victim: &Person<'_>) -> Vec<Forgery> {
    let genuine = Genuine::of(cloud, victim).await;
    let no_token = ("no token at all", "x".to_owned());
    let no_key = "vk_0123456789abcdefghijklmnopqrstuv".to_owned();
    let mut forgeries = vec![no_token, ("an unknown personal key", no_key)];
    forgeries.extend(with_no_signature(&genuine));
    forgeries.extend(with_another_key(&genuine));
    forgeries.extend(with_other_claims(&genuine));
    forgeries
}

#[tokio::test]
async fn no_forged_token_opens_anything_and_the_genuine_one_does() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    ada.get("/me").await.expect(200);
    for (what, token) in forgeries(&cloud, &ada).await {
        let answer = send(cloud.request(Method::GET, "/me").bearer_auth(&token)).await;
        assert_eq!(answer.status, 401, "{what}: {:?}", answer.body);
        answer.problem(401, "unauthorized");
    }
    for header in ["", "Bearer", "Bearer ", "Basic YTpi", &ada.token] {
        let request = cloud
            .request(Method::GET, "/me")
            .header("authorization", header);
        send(request).await.problem(401, "unauthorized");
    }
    cloud.get("/me").await.problem(401, "unauthorized");
    ada.get("/me").await.expect(200);
}

#[tokio::test]
async fn the_published_keys_verify_our_tokens_and_hold_nothing_private() {
    let cloud = Cloud::start().await;
    let ada = cloud.person().await;
    let jwks = cloud.get("/.well-known/jwks.json").await.expect(200);
    let (header, _) = read(&ada.token);
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let x: [u8; 32] = URL_SAFE_NO_PAD
        .decode(key["x"].as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap();
    let (message, signature) = ada.token.rsplit_once('.').unwrap();
    let signature: [u8; 64] = URL_SAFE_NO_PAD
        .decode(signature)
        .unwrap()
        .try_into()
        .unwrap();
    ed25519_dalek::VerifyingKey::from_bytes(&x)
        .unwrap()
        .verify_strict(message.as_bytes(), &signature.into())
        .unwrap();
    for key in keys {
        assert!(key.get("d").is_none(), "{key}");
        assert_eq!((&key["kty"], &key["alg"]), (&json!("OKP"), &json!("EdDSA")));
    }
}

/// Sends a callback in fal's form, signed with `key`; the status of the answer.
async fn callback(cloud: &Cloud, query: &str, key: &SigningKey, body: &Value) -> u16 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let request_id = body["request_id"].as_str().unwrap_or_default();
    let text = body.to_string();
    let digest = hex::encode(<Sha256 as sha2::Digest>::digest(text.as_bytes()));
    let message = format!("{request_id}\nuser\n{now}\n{digest}");
    let request = cloud
        .request(Method::POST, &format!("/webhooks/fal{query}"))
        .header("content-type", "application/json")
        .header("x-fal-webhook-request-id", request_id)
        .header("x-fal-webhook-user-id", "user")
        .header("x-fal-webhook-timestamp", now.to_string())
        .header(
            "x-fal-webhook-signature",
            hex::encode(key.sign(message.as_bytes()).to_bytes()),
        )
        .body(text);
    send(request).await.status
}

#[tokio::test]
async fn a_forged_webhook_delivers_and_refunds_nothing() {
    let cloud = Cloud::start().await;
    let (ada, eve) = (cloud.person().await, cloud.person().await);
    let id = ada.generate("flux-dev", "the victim's [[lost]]").await;
    ada.when(&id, "running").await;
    let hers = eve.generate("flux-dev", "the attacker's [[lost]]").await;
    eve.when(&hers, "running").await;

    let jobs = cloud.local("fal/jobs").await;
    let of = |text: &str| {
        let found = jobs
            .iter()
            .find(|job| job["input"].to_string().contains(text));
        let job = found.unwrap();
        let url = job["webhook_url"].as_str().unwrap();
        let query = format!("?{}", url.split_once('?').unwrap().1);
        (job["request_id"].clone(), query)
    };
    let ((request_id, query), (_, her_query)) = (of("the victim's"), of("the attacker's"));
    let forged = json!({"request_id": request_id, "gateway_request_id": request_id, "status": "ERROR", "error": "x", "payload": {"detail": "x"}});
    let stranger = SigningKey::from_bytes(&[9; 32]);
    for query in [
        query.as_str(),
        her_query.as_str(),
        "",
        "?generation=x&token=y",
    ] {
        assert_eq!(
            callback(&cloud, query, &stranger, &forged).await,
            401,
            "{query}"
        );
    }
    // The provider itself signed it, but for another job's address: a valid account there proves nothing.
    let path = format!("fal/jobs/{}/webhook", request_id.as_str().unwrap());
    let sent = cloud
        .act(&path, &json!({"times": 1, "timestamp_offset_s": -400}))
        .await;
    assert_eq!(sent["statuses"], json!([401]));
    let unsigned = cloud.post(&format!("/webhooks/fal{query}"), &forged).await;
    unsigned.problem(401, "unauthorized");

    assert_eq!(ada.generation(&id).await["status"], "running");
    assert_eq!(ada.books().await.balance(), (975, 25));
    assert_eq!(cloud.faults(), Vec::<String>::new());
}
