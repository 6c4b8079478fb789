//! Opaque secrets: refresh tokens, mailed tokens, and text that must not be shown.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::{SessionId, UserId};
use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::CryptoFault;

/// Text that must not appear in a log: its `Debug` does not show it, and it is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Returns the text, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

const PREFIX: &str = "rt_";
const SECRET_BYTES: usize = 32;
/// `rt_`, the user's and the session's ULIDs, each with a `_`, and 32 bytes in base64url.
const TOKEN_CHARS: usize = PREFIX.len() + 26 + 1 + 26 + 1 + 43;
/// Keeps these derivations apart from any other use of the same key.
const SUCCESSOR_LABEL: &[u8] = b"velro refresh token successor";

/// A refresh token: `rt_<user>_<session>_<256 bits>`. User and session are readable, so that finding them
/// is one read. The secret alone proves the token, and only a digest of it is ever stored.
pub struct RefreshToken {
    user: UserId,
    session: SessionId,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl RefreshToken {
    /// Makes a fresh token of `session` of `user`.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the operating system has no randomness.
    pub fn generate(user: UserId, session: SessionId) -> Result<Self, CryptoFault> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(CryptoFault::new)?;
        Ok(Self {
            user,
            session,
            secret,
        })
    }

    /// Returns the token that this one is exchanged for. It is derived from this one and `key`, which only
    /// we have. So a repeated exchange of the same token gets the same answer, although no token is ever
    /// stored.
    ///
    /// # Errors
    /// A [`CryptoFault`] if `key` cannot be used.
    pub(crate) fn successor(&self, key: &[u8]) -> Result<Self, CryptoFault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(CryptoFault::new)?;
        for part in [
            SUCCESSOR_LABEL,
            self.user.as_str().as_bytes(),
            self.session.as_str().as_bytes(),
            self.secret.as_slice(),
        ] {
            mac.update(part);
        }
        Ok(Self {
            user: self.user.clone(),
            session: self.session.clone(),
            secret: Zeroizing::new(mac.finalize().into_bytes().into()),
        })
    }

    /// Reads `text` as a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TOKEN_CHARS {
            return None;
        }
        let mut parts = text.strip_prefix(PREFIX)?.splitn(3, '_');
        let (user, session, secret) = (parts.next()?, parts.next()?, parts.next()?);
        let user = UserId::parse(&format!("{}{user}", UserId::PREFIX))?;
        let session = SessionId::parse(&format!("{}{session}", SessionId::PREFIX))?;
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        let length = URL_SAFE_NO_PAD
            .decode_slice(secret, bytes.as_mut_slice())
            .ok()?;
        (length == SECRET_BYTES).then_some(Self {
            user,
            session,
            secret: bytes,
        })
    }

    /// The user that it names; unproven until the secret is checked.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The session that it names; unproven until the secret is checked.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// Returns the SHA-256 (hexadecimal) of the secret, which is stored. 256 random bits need no slow hash.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.secret.as_slice()))
    }

    /// Whether the stored `digest` belongs to this token, in constant time.
    #[must_use]
    pub fn matches(&self, digest: &str) -> bool {
        self.digest().as_bytes().ct_eq(digest.as_bytes()).into()
    }

    /// Returns the token as its owner keeps it.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!(
            "{PREFIX}{}_{}_{}",
            self.user.ulid(),
            self.session.ulid(),
            URL_SAFE_NO_PAD.encode(self.secret.as_slice())
        )
    }
}

const MAILED_PREFIX: &str = "mt_";

/// A token that is mailed and works once: `mt_<256 random bits>`. It is found by its digest, and nothing
/// else of it is ever stored.
pub struct MailedSecret(Bits);

/// 256 random bits, of which only a digest is ever stored. So many random bits need no slow hash.
pub(crate) struct Bits(Zeroizing<[u8; SECRET_BYTES]>);

impl Bits {
    /// Makes fresh bits.
    pub(crate) fn generate() -> Result<Self, CryptoFault> {
        let mut bits = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(bits.as_mut_slice()).map_err(CryptoFault::new)?;
        Ok(Self(bits))
    }

    /// Reads bits that were written in base64url.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut bits = Zeroizing::new([0; SECRET_BYTES]);
        let length = URL_SAFE_NO_PAD
            .decode_slice(text, bits.as_mut_slice())
            .ok()?;
        (length == SECRET_BYTES).then_some(Self(bits))
    }

    /// Returns the bits in base64url.
    pub(crate) fn write(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// Returns the SHA-256 (hexadecimal) of the bits.
    pub(crate) fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_slice()))
    }
}

impl MailedSecret {
    /// Makes a fresh token.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the operating system has no randomness.
    pub fn generate() -> Result<Self, CryptoFault> {
        Bits::generate().map(Self)
    }

    /// Reads `text` as a token.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Bits::read(text.strip_prefix(MAILED_PREFIX)?).map(Self)
    }

    /// Returns the SHA-256 (hexadecimal) of the secret, by which it is stored and found.
    #[must_use]
    pub fn digest(&self) -> String {
        self.0.digest()
    }

    /// Returns the token as it is mailed.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{MAILED_PREFIX}{}", *self.0.write()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use proptest::prelude::*;

    fn token() -> RefreshToken {
        let at = Timestamp::from_ms(1);
        RefreshToken::generate(UserId::new(at, 3), SessionId::new(at, 7)).expect("randomness")
    }

    #[test]
    fn a_token_reads_back_and_matches_only_its_own_digest() {
        let (one, other) = (token(), token());
        let again = RefreshToken::parse(&one.reveal()).expect("canonical");
        assert_eq!((again.user(), again.session()), (one.user(), one.session()));
        assert!(again.matches(&one.digest()));
        assert!(!again.matches(&other.digest()));
        assert!(!again.matches(""));
    }

    #[test]
    fn a_mailed_token_reads_back_and_is_not_the_one_before() {
        let one = MailedSecret::generate().expect("randomness");
        let again = MailedSecret::parse(&one.reveal()).expect("canonical");
        assert_eq!(again.digest(), one.digest());
        let other = MailedSecret::generate().expect("randomness");
        assert_ne!(other.digest(), one.digest());
        assert!(MailedSecret::parse("mt_short").is_none());
    }

    #[test]
    fn a_successor_follows_from_the_token_and_the_key_and_from_nothing_less() {
        let (one, other) = (token(), token());
        let next = |token: &RefreshToken, key: &[u8]| {
            let next = token.successor(key).expect("any key will do").reveal();
            let read = RefreshToken::parse(&next).expect("canonical");
            assert_eq!(read.session(), token.session());
            next
        };
        assert_eq!(next(&one, b"key"), next(&one, b"key"));
        assert_ne!(next(&one, b"key"), next(&one, b"another"));
        assert_ne!(next(&one, b"key"), next(&other, b"key"));
        assert_ne!(next(&one, b"key"), one.reveal());
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC*") {
            let _ = RefreshToken::parse(&text);
            let _ = RefreshToken::parse(&format!("rt_{text}"));
            let _ = MailedSecret::parse(&format!("mt_{text}"));
        }
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(
            format!("{:?}", Secret::new("hunter2".to_owned())),
            "Secret(…)"
        );
    }
}
