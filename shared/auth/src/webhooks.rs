//! The secrets of webhook endpoints, and their signatures.
//!
//! A secret is derived from a key of ours and from a random seed in its owner's record. It is stored
//! nowhere: neither the tables nor the key alone are enough to sign. The form of a secret and of a
//! signature is that of Standard Webhooks
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::CryptoFault;
use crate::mailboxes::MailboxKey;

/// Keeps these derivations apart from other uses of the key.
const LABEL: &str = "velro webhook secret";
/// The prefix of a secret.
const PREFIX: &str = "whsec_";

/// The secret that signs the events for one receiver.
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// Derives the secret of the endpoint called `owner` from this seed.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the key cannot be used, or the seed is empty.
    pub fn derive(key: &MailboxKey, owner: &str, seed: &str) -> Result<Self, CryptoFault> {
        if seed.is_empty() {
            return Err(CryptoFault::new("the endpoint has no seed"));
        }
        let secret = key.derive(&format!("{LABEL}\n{owner}\n{seed}"))?;
        Ok(Self(secret))
    }

    /// Returns the secret as its owner is shown it.
    #[must_use]
    pub fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(self.0.as_slice())))
    }

    /// Returns the signature of a message that is sent at this second.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the secret cannot be used.
    pub fn sign(&self, id: &str, at_s: i64, body: &[u8]) -> Result<String, CryptoFault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(CryptoFault::new)?;
        mac.update(format!("{id}.{at_s}.").as_bytes());
        mac.update(body);
        Ok(format!(
            "v1,{}",
            STANDARD.encode(mac.finalize().into_bytes())
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opaque::Secret;

    fn key() -> MailboxKey {
        let text = MailboxKey::generate().expect("randomness");
        MailboxKey::parse(&Secret::new(text.to_string())).expect("a key")
    }

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // The example of the specification's reference libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let secret = WebhookSecret(Zeroizing::new(secret.expect("base64")));
        let signature = secret.sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(
            signature.expect("a signature"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(*secret.shown(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    }

    #[test]
    fn each_endpoint_seed_and_key_has_a_secret_of_its_own() {
        let (one, other) = (key(), key());
        assert!(WebhookSecret::derive(&one, "whe_1", "").is_err());
        let shown = |key: &MailboxKey, owner, seed| {
            let secret = WebhookSecret::derive(key, owner, seed).expect("a secret");
            secret.shown().to_string()
        };
        let first = shown(&one, "whe_1", "a");
        assert_eq!(first, shown(&one, "whe_1", "a"));
        // The specification requires 24 to 64 bytes.
        assert_eq!(first.len(), "whsec_".len() + 44);
        for different in [
            shown(&one, "whe_1", "b"),
            shown(&one, "whe_2", "a"),
            shown(&other, "whe_1", "a"),
        ] {
            assert_ne!(first, different);
        }
    }
}
