//! Secrets that mean nothing by themselves: refresh tokens, and text that must not be shown.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::SessionId;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::Problem;

/// Text that must not appear in a log: it has no `Debug` worth the name, and is wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps `text`.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text, for the one place that needs it.
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
/// `rt_`, the session's ULID, `_`, and 32 bytes in base64url.
const TOKEN_CHARS: usize = PREFIX.len() + 26 + 1 + 43;

/// A refresh token: `rt_<session>_<256 random bits>`. The session is readable, so that finding it is one read; what
/// counts is the secret, of which only a digest is ever stored.
pub struct RefreshToken {
    session: SessionId,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl RefreshToken {
    /// A fresh token of `session`.
    ///
    /// # Errors
    /// A [`Problem`] if the operating system has no randomness.
    pub fn generate(session: SessionId) -> Result<Self, Problem> {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(Problem::new)?;
        Ok(Self { session, secret })
    }

    /// The token written as `text`, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TOKEN_CHARS {
            return None;
        }
        let (session, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let session = SessionId::parse(&format!("{}{session}", SessionId::PREFIX))?;
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        let length = URL_SAFE_NO_PAD
            .decode_slice(secret, bytes.as_mut_slice())
            .ok()?;
        (length == SECRET_BYTES).then_some(Self {
            session,
            secret: bytes,
        })
    }

    /// Whose it is.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// SHA-256 (hexadecimal) of the secret: what is stored. 256 random bits need no slow hash.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.secret.as_slice()))
    }

    /// Whether the stored `digest` is this token's, in constant time.
    #[must_use]
    pub fn matches(&self, digest: &str) -> bool {
        self.digest().as_bytes().ct_eq(digest.as_bytes()).into()
    }

    /// The token as its owner keeps it.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!(
            "{PREFIX}{}_{}",
            self.session.ulid(),
            URL_SAFE_NO_PAD.encode(self.secret.as_slice())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use proptest::prelude::*;

    fn token() -> RefreshToken {
        RefreshToken::generate(SessionId::new(Timestamp::from_ms(1), 7)).expect("randomness")
    }

    #[test]
    fn a_token_reads_back_and_matches_only_its_own_digest() {
        let (one, other) = (token(), token());
        let again = RefreshToken::parse(&one.reveal()).expect("canonical");
        assert_eq!(again.session(), one.session());
        assert!(again.matches(&one.digest()));
        assert!(!again.matches(&other.digest()));
        assert!(!again.matches(""));
    }

    proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC*") {
            let _ = RefreshToken::parse(&text);
            let _ = RefreshToken::parse(&format!("rt_{text}"));
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
