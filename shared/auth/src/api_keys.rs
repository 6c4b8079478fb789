//! Personal API keys as their owners hold them: `vk_<user>_<key><secret><checksum>`. The user and the key
//! are readable, so that finding them is one read. The secret alone proves the key, and only a digest of it
//! is ever stored. The checksum lets secret scanners tell a real key from a look-alike without asking us.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::{KeyId, UserId};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::CryptoFault;

/// The prefix of every key.
pub const PREFIX: &str = "vk_";
const ULID_CHARS: usize = 26;
const SECRET_BYTES: usize = 32;
const SECRET_CHARS: usize = 43;
/// The length of the checksum: the first 32 bits of the SHA-256 of everything before it, in hexadecimal.
const CHECKSUM_CHARS: usize = 8;
const TOKEN_CHARS: usize =
    PREFIX.len() + ULID_CHARS + 1 + ULID_CHARS + 1 + SECRET_CHARS + CHECKSUM_CHARS;

/// A personal API key with its secret.
pub struct PersonalKey {
    user: UserId,
    key: KeyId,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl PersonalKey {
    /// Makes a fresh secret for `key` of `user`.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the operating system has no randomness.
    pub fn generate(user: UserId, key: KeyId) -> Result<Self, CryptoFault> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(CryptoFault::new)?;
        Ok(Self { user, key, secret })
    }

    /// Reads `text` as a key. Returns `None` if it is malformed or its checksum is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TOKEN_CHARS || !text.is_ascii() {
            return None;
        }
        let (body, checksum) = text.split_at(TOKEN_CHARS - CHECKSUM_CHARS);
        if checksum_of(body) != checksum {
            return None;
        }
        let mut parts = body.strip_prefix(PREFIX)?.splitn(3, '_');
        let (user, key, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        let length = URL_SAFE_NO_PAD
            .decode_slice(secret, bytes.as_mut_slice())
            .ok()?;
        Some(Self {
            user: UserId::parse(&format!("{}{user}", UserId::PREFIX))?,
            key: KeyId::parse(&format!("{}{key}", KeyId::PREFIX))?,
            secret: (length == SECRET_BYTES).then_some(bytes)?,
        })
    }

    /// The user that it names; unproven until the secret is checked.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The key that it names; unproven until the secret is checked.
    #[must_use]
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// Returns the SHA-256 (hexadecimal) of the secret, which is stored. 256 random bits need no slow hash.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.secret.as_slice()))
    }

    /// Whether the stored `digest` belongs to this key, in constant time.
    #[must_use]
    pub fn matches(&self, digest: &str) -> bool {
        self.digest().as_bytes().ct_eq(digest.as_bytes()).into()
    }

    /// Returns the key as its owner keeps it; shown once.
    #[must_use]
    pub fn reveal(&self) -> String {
        let secret = URL_SAFE_NO_PAD.encode(self.secret.as_slice());
        let body = format!("{PREFIX}{}_{}_{secret}", self.user.ulid(), self.key.ulid());
        let checksum = checksum_of(&body);
        body + &checksum
    }
}

fn checksum_of(body: &str) -> String {
    hex::encode(&Sha256::digest(body.as_bytes())[..CHECKSUM_CHARS / 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use proptest::prelude::*;

    fn key() -> PersonalKey {
        let at = Timestamp::from_ms(1);
        PersonalKey::generate(UserId::new(at, 1), KeyId::new(at, 2)).expect("randomness")
    }

    #[test]
    fn a_key_reads_back_and_any_one_changed_character_makes_it_none() {
        let key = key();
        let text = key.reveal();
        assert_eq!(text.len(), TOKEN_CHARS);
        let read = PersonalKey::parse(&text).expect("its own form");
        assert_eq!((read.user(), read.key()), (key.user(), key.key()));
        assert!(read.matches(&key.digest()) && !read.matches(""));
        for at in 0..text.len() {
            let mut changed = text.clone();
            let other = if &text[at..=at] == "0" { "1" } else { "0" };
            changed.replace_range(at..=at, other);
            assert!(PersonalKey::parse(&changed).is_none(), "{changed}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC*") {
            let _ = PersonalKey::parse(&text);
            let _ = PersonalKey::parse(&format!("vk_{text}"));
        }
    }
}
