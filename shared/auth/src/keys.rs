//! The keys that sign access tokens: Ed25519, named by their thumbprint. One key signs, and one more may
//! still verify, so that keys can be rotated without signing anybody out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::CryptoFault;

/// The most keys at a time: the one that signs, and the one before it.
const KEYS_MAX: usize = 2;

/// The secret that a private key is derived from.
pub(crate) type Seed = Zeroizing<[u8; 32]>;

/// Private keys, newest first: the first one signs.
pub struct KeySet(Vec<PrivateKey>);

struct PrivateKey {
    created_at_s: i64,
    signing: SigningKey,
}

#[derive(Serialize, Deserialize)]
struct StoredKeys {
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    created_at_s: i64,
    /// The 32 bytes of the seed, base64url.
    seed: Zeroizing<String>,
}

#[derive(Serialize, Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

/// RFC 8037: an Ed25519 public key as a JWK.
#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    kid: String,
    #[serde(rename = "use")]
    purpose: String,
    alg: String,
}

impl KeySet {
    /// Makes one new key.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the operating system has no randomness.
    pub fn generate(now_s: i64) -> Result<Self, CryptoFault> {
        Ok(Self(vec![PrivateKey::generate(now_s)?]))
    }

    /// Adds a new key that signs, and keeps the newest of these keys for verifying.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the operating system has no randomness.
    pub fn rotate(mut self, now_s: i64) -> Result<Self, CryptoFault> {
        self.0.insert(0, PrivateKey::generate(now_s)?);
        self.0.truncate(KEYS_MAX);
        Ok(self)
    }

    /// Keeps only the key that signs: tokens of the one before it are no longer accepted.
    #[must_use]
    pub fn retire(mut self) -> Self {
        self.0.truncate(1);
        self
    }

    /// Returns the keys as they are kept in the secret store.
    #[must_use]
    pub fn private_json(&self) -> Zeroizing<String> {
        let keys = self.0.iter().map(|key| StoredKey {
            created_at_s: key.created_at_s,
            seed: Zeroizing::new(URL_SAFE_NO_PAD.encode(key.signing.as_bytes())),
        });
        let stored = StoredKeys {
            keys: keys.collect(),
        };
        Zeroizing::new(serde_json::to_string(&stored).unwrap_or_default())
    }

    /// Reads the keys that are kept as `text`.
    ///
    /// # Errors
    /// A [`CryptoFault`] if it does not have the right form, or has no key or too many.
    pub fn from_private_json(text: &str) -> Result<Self, CryptoFault> {
        let stored: StoredKeys = serde_json::from_str(text).map_err(|_| {
            CryptoFault::new("the signing keys are not of the form that `cargo keys` makes")
        })?;
        let keys = stored.keys.iter().map(|key| {
            let mut seed = Zeroizing::new([0; 32]);
            let length = URL_SAFE_NO_PAD.decode_slice(key.seed.as_bytes(), seed.as_mut_slice());
            match length {
                Ok(32) => Ok(PrivateKey {
                    created_at_s: key.created_at_s,
                    signing: SigningKey::from_bytes(&seed),
                }),
                Ok(_) | Err(_) => Err(CryptoFault::new("a signing key is not 32 bytes")),
            }
        });
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(CryptoFault::new(format!(
                "there must be 1 or {KEYS_MAX} signing keys"
            )));
        }
        Ok(Self(keys))
    }

    /// Returns the public halves, as `/.well-known/jwks.json` shows them.
    #[must_use]
    pub fn public_jwks_json(&self) -> String {
        let keys = self.0.iter().map(|key| Jwk {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(key.signing.verifying_key().as_bytes()),
            kid: thumbprint(&key.signing.verifying_key()),
            purpose: "sig".to_owned(),
            alg: "EdDSA".to_owned(),
        });
        serde_json::to_string(&Jwks {
            keys: keys.collect(),
        })
        .unwrap_or_default()
    }

    /// The seeds of all keys, the signing key's first.
    pub(crate) fn seeds(&self) -> Vec<Seed> {
        let seeds = self.0.iter().map(|key| key.signing.to_bytes());
        seeds.map(Zeroizing::new).collect()
    }

    /// The key that signs, with its name.
    pub(crate) fn signing(&self) -> Option<(String, &SigningKey)> {
        self.0
            .first()
            .map(|key| (thumbprint(&key.signing.verifying_key()), &key.signing))
    }
}

impl PrivateKey {
    fn generate(now_s: i64) -> Result<Self, CryptoFault> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(CryptoFault::new)?;
        Ok(Self {
            created_at_s: now_s,
            signing: SigningKey::from_bytes(&seed),
        })
    }
}

/// Public keys, each with its name.
pub struct PublicKeys(Vec<(String, VerifyingKey)>);

impl PublicKeys {
    /// Reads the keys in a JWKS document.
    ///
    /// # Errors
    /// A [`CryptoFault`] if it has no key, or a key that is not Ed25519: without keys nobody may be let in.
    pub fn from_jwks_json(text: &str) -> Result<Self, CryptoFault> {
        let jwks: Jwks = serde_json::from_str(text)
            .map_err(|_| CryptoFault::new("the public keys are not a JWKS"))?;
        let keys = jwks.keys.into_iter().map(|jwk| {
            let mut bytes = [0; 32];
            let length = URL_SAFE_NO_PAD.decode_slice(&jwk.x, &mut bytes);
            let key = VerifyingKey::from_bytes(&bytes).map_err(CryptoFault::new)?;
            let usable =
                jwk.kty == "OKP" && jwk.crv == "Ed25519" && length == Ok(32) && !key.is_weak();
            if usable {
                Ok((jwk.kid, key))
            } else {
                Err(CryptoFault::new("a public key is not Ed25519"))
            }
        });
        let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
        if keys.is_empty() {
            Err(CryptoFault::new("there is no public key"))
        } else {
            Ok(Self(keys))
        }
    }

    pub(crate) fn find(&self, kid: &str) -> Option<&VerifyingKey> {
        self.0
            .iter()
            .find(|(name, _)| name == kid)
            .map(|(_, key)| key)
    }
}

/// RFC 7638: SHA-256 over the key's required members in alphabetical order.
fn thumbprint(key: &VerifyingKey) -> String {
    let canonical = format!(
        r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#,
        URL_SAFE_NO_PAD.encode(key.as_bytes())
    );
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        // RFC 8037, appendix A.3: the key of A.2 and its thumbprint.
        let x = URL_SAFE_NO_PAD
            .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
            .expect("base64url");
        let key = VerifyingKey::from_bytes(&x.try_into().expect("32 bytes")).expect("a key");
        assert_eq!(
            thumbprint(&key),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn rotating_keeps_the_last_key_for_verifying_and_drops_older_ones() {
        let first = KeySet::generate(1).expect("randomness");
        let (kid, _) = first.signing().expect("a key");
        let second = first.rotate(2).expect("randomness");
        let third = second.rotate(3).expect("randomness");
        let restored = KeySet::from_private_json(&third.private_json()).expect("its own form");
        assert_eq!(restored.0.len(), 2);
        let public =
            PublicKeys::from_jwks_json(&restored.public_jwks_json()).expect("its own form");
        assert!(public.find(&kid).is_none(), "two rotations ago");
        assert!(
            restored
                .signing()
                .is_some_and(|(kid, _)| public.find(&kid).is_some())
        );
    }

    #[test]
    fn without_keys_nothing_starts() {
        for bad in [
            "",
            "{}",
            r#"{"keys":[]}"#,
            r#"{"keys":[{"kty":"RSA","crv":"","x":"","kid":"","use":"","alg":""}]}"#,
        ] {
            assert!(PublicKeys::from_jwks_json(bad).is_err(), "{bad}");
            assert!(KeySet::from_private_json(bad).is_err(), "{bad}");
        }
    }
}
