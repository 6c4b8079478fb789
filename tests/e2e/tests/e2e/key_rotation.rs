//! Signing keys that are rotated and retired, as `cargo keys` does, while people are signed in.

use std::path::Path;

use auth::keys::KeySet;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use stack::Options;

use crate::harness::{Cloud, PASSWORD, Person};

async fn start(folder: &Path) -> Cloud {
    Cloud::from(Options {
        data: Some(folder.to_owned()),
        ..Cloud::options()
    })
    .await
}

/// Changes the signing keys with which the cloud in `folder` starts.
fn change_keys(folder: &Path, change: impl FnOnce(KeySet) -> KeySet) {
    let file = folder.join("keys.json");
    let kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let keys = KeySet::from_private_json(kept["private"].as_str().unwrap()).unwrap();
    let keys = change(keys);
    let kept = json!({"private": *keys.private_json(), "public": keys.public_jwks_json()});
    std::fs::write(file, kept.to_string()).unwrap();
}

/// The name of the key that signed this token.
fn signed_by(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// The part of a person that survives the end of their cloud.
struct Kept {
    id: String,
    email: String,
    token: String,
    refresh_token: String,
}

impl Kept {
    fn of(person: Person<'_>) -> Self {
        Self {
            id: person.id,
            email: person.email,
            token: person.token,
            refresh_token: person.refresh_token,
        }
    }

    fn on(self, cloud: &Cloud) -> Person<'_> {
        Person {
            cloud,
            id: self.id,
            email: self.email,
            token: self.token,
            refresh_token: self.refresh_token,
        }
    }
}

#[tokio::test]
async fn a_token_of_the_key_before_is_good_until_that_key_is_retired() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cloud = start(folder).await;
    let ada = cloud.person().await;
    let (tab, ada) = (Kept::of(ada.sign_in(PASSWORD).await), Kept::of(ada));
    cloud.stack.shutdown().await;

    change_keys(folder, |keys| keys.rotate(1).unwrap());
    let cloud = start(folder).await;
    let (ada, tab) = (ada.on(&cloud), tab.on(&cloud));
    ada.get("/me").await.expect(200);
    let newer = ada.sign_in(PASSWORD).await;
    assert_ne!(signed_by(&newer.token), signed_by(&ada.token));
    newer.get("/me").await.expect(200);
    let jwks = cloud.get("/.well-known/jwks.json").await.expect(200);
    let names: Vec<_> = jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["kid"])
        .collect();
    assert_eq!(
        names,
        [
            &json!(signed_by(&newer.token)),
            &json!(signed_by(&ada.token))
        ]
    );
    assert!(tab.is_signed_in().await, "a refresh token outlives the key");
    let (ada, newer) = (Kept::of(ada), Kept::of(newer));
    cloud.stack.shutdown().await;

    change_keys(folder, KeySet::retire);
    let cloud = start(folder).await;
    let (ada, newer) = (ada.on(&cloud), newer.on(&cloud));
    ada.get("/me").await.problem(401, "unauthorized");
    newer.get("/me").await.expect(200);
    let refreshed = cloud.refresh(&ada.refresh_token).await;
    assert_eq!(refreshed.status, 200, "{:?}", refreshed.body);
    assert_eq!(
        signed_by(&refreshed.text("access_token")),
        signed_by(&newer.token)
    );
}
