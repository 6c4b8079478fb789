//! Passwords: the rules for setting one, their hashes, and a check that takes the same time whether or not
//! there is an account.

use std::borrow::Cow;
use std::sync::OnceLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation as _;
use zeroize::Zeroizing;

use crate::CryptoFault;
use crate::opaque::Secret;

/// Shortest and longest password, in characters.
const CHARS_MIN: usize = 8;
const CHARS_MAX: usize = 128;
/// OWASP's Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Passwords that attackers try first, sorted, lower case, one a line: those of at least 8 characters among
/// zxcvbn's 30,000 most used of published leaks (MIT, common-passwords.LICENSE), and a few of our own. Only
/// programs that set passwords link the list.
const COMMON: &str = include_str!("common-passwords.txt");

/// A password that may be set.
#[derive(Debug)]
pub struct Password(Secret);

/// The reason why a password may not be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordProblem {
    /// Fewer than 8 characters.
    TooShort,
    /// More than 128 characters.
    TooLong,
    /// It is one of those that attackers try first.
    Common,
    /// It has characters that cannot be typed or seen.
    Untypable,
}

/// A change of password, asked for by somebody who is signed in.
pub struct PasswordChange {
    /// The present password, as the user gave it.
    pub current: Secret,
    /// The password from now on.
    pub new: Password,
    /// Whether the user's API keys end, too. A change of one's own accord may be no reason for that.
    pub ends_keys: bool,
}

impl Password {
    /// Checks that `text` may be set as a password. Its normal form is counted, looked up and kept.
    ///
    /// # Errors
    /// The [`PasswordProblem`].
    pub fn check(text: String) -> Result<Self, PasswordProblem> {
        // This check comes before normalising, which is work: a text with more than three times the limit
        // is refused as it is.
        if text.chars().count() > 3 * CHARS_MAX {
            return Err(PasswordProblem::TooLong);
        }
        if text.is_empty() {
            return Err(PasswordProblem::TooShort);
        }
        let text = normal(&text).ok_or(PasswordProblem::Untypable)?;
        let chars = text.chars().count();
        if chars < CHARS_MIN {
            return Err(PasswordProblem::TooShort);
        }
        if chars > CHARS_MAX {
            return Err(PasswordProblem::TooLong);
        }
        if is_common(&text.to_lowercase()) {
            return Err(PasswordProblem::Common);
        }
        Ok(Self(Secret::new(text)))
    }
}

/// Returns the normal form of a password, if it has one: two keyboards may write the same "é" or the same
/// space as different characters (PRECIS OpaqueString, RFC 8265, 4.2: NFC, any space is U+0020, no
/// controls, nothing invisible).
fn normal(text: &str) -> Option<String> {
    OpaqueString::enforce(text).ok().map(Cow::into_owned)
}

fn is_common(lower: &str) -> bool {
    static LIST: OnceLock<Vec<&'static str>> = OnceLock::new();
    LIST.get_or_init(|| COMMON.lines().collect())
        .binary_search(&lower)
        .is_ok()
}

/// Returns the hash of the password, which is stored: Argon2id in PHC form, with a salt of its own. It
/// takes tens of milliseconds of one core, on a thread where that blocks nothing else.
///
/// # Errors
/// A [`CryptoFault`] if there is no randomness.
pub async fn hash(password: Password) -> Result<String, CryptoFault> {
    blocking(move || {
        let hashed: PasswordHash = argon2()?
            .hash_password(password.0.expose().as_bytes())
            .map_err(CryptoFault::new)?;
        Ok(hashed.to_string())
    })
    .await
}

/// Whether `password` is the one with the hash `stored`. Without a hash the same work is done, so that the
/// time does not reveal whether there is an account.
///
/// # Errors
/// A [`CryptoFault`] if the stored hash is malformed.
pub async fn verify(password: Secret, stored: Option<String>) -> Result<bool, CryptoFault> {
    blocking(move || {
        let known = stored.is_some();
        let stored = match stored {
            Some(stored) => stored,
            None => nobody()?,
        };
        let stored = PasswordHash::new(&stored).map_err(CryptoFault::new)?;
        // A text without a normal form is never a password, but is worked on in the same way.
        let normal = normal(password.expose()).map(Zeroizing::new);
        let normal = normal
            .as_ref()
            .map_or(password.expose(), |text| text.as_str());
        // The work comes first, because `known &&` before it would skip it.
        let matches = argon2()?
            .verify_password(normal.as_bytes(), &stored)
            .is_ok();
        Ok(known && matches)
    })
    .await
}

/// Returns a hash with the current parameters that no password has.
///
/// # Errors
/// There is no known error: the hash is written from constants.
pub fn nobody() -> Result<String, CryptoFault> {
    const SALT: &[u8] = b"nobody has this!";
    const OUTPUT: &[u8; 32] = b"no password hashes to this value";
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    Ok(format!(
        "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${}${}",
        STANDARD_NO_PAD.encode(SALT),
        STANDARD_NO_PAD.encode(OUTPUT)
    ))
}

fn argon2() -> Result<Argon2<'static>, CryptoFault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(CryptoFault::new)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CryptoFault> + Send + 'static,
) -> Result<T, CryptoFault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(CryptoFault::new)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_right_password_verifies_and_nobody_has_none() {
        let password = Password::check("correct horse battery".to_owned()).expect("may be set");
        let stored = hash(password).await.expect("hashes");
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert!(
            verify(secret("correct horse battery"), Some(stored.clone()))
                .await
                .expect("checks")
        );
        assert!(
            !verify(secret("correct horse batterz"), Some(stored))
                .await
                .expect("checks")
        );
        assert!(
            !verify(secret("correct horse battery"), None)
                .await
                .expect("checks")
        );
    }

    #[test]
    fn a_password_that_is_short_long_common_or_untypable_is_refused() {
        let check = |text: &str| Password::check(text.to_owned()).map(|_| ());
        assert_eq!(check("1234567"), Err(PasswordProblem::TooShort));
        assert_eq!(check(&"é".repeat(129)), Err(PasswordProblem::TooLong));
        assert_eq!(check("PassWord1"), Err(PasswordProblem::Common));
        assert_eq!(check("abcd\nefgh"), Err(PasswordProblem::Untypable));
        assert_eq!(check(&"é".repeat(128)), Ok(()));
    }

    #[tokio::test]
    async fn a_password_is_the_same_however_a_keyboard_writes_it() {
        let set = |text: &str| Password::check(text.to_owned()).expect("may be set");
        let decomposed = "cafe\u{301} du\u{a0}matin";
        let composed = "caf\u{e9} du matin";
        let stored = hash(set(decomposed)).await.expect("hashes");
        for typed in [decomposed, composed, "caf\u{e9} du\u{3000}matin"] {
            let opened = verify(secret(typed), Some(stored.clone())).await;
            assert!(opened.expect("checks"), "{typed:?}");
        }
        for other in [
            "cafe du matin",
            "Caf\u{e9} du matin",
            "caf\u{e9} du matin\u{200b}",
            "",
        ] {
            let opened = verify(secret(other), Some(stored.clone())).await;
            assert!(!opened.expect("checks"), "{other:?}");
        }
        // The limits and the list of common passwords apply to the normal form.
        let check = |text: &str| Password::check(text.to_owned()).map(|_| ());
        assert_eq!(check(&"e\u{301}".repeat(128)), Ok(()));
        assert_eq!(check(&"e\u{301}".repeat(7)), Err(PasswordProblem::TooShort));
        assert_eq!(check("trust\u{200b}no1"), Err(PasswordProblem::Untypable));
        assert_eq!(check(&"x".repeat(100_000)), Err(PasswordProblem::TooLong));
    }

    #[test]
    fn the_list_of_common_passwords_is_sorted_lower_case_and_long_enough_to_matter() {
        let list: Vec<_> = COMMON.lines().collect();
        assert!(list.len() > 10_000);
        assert!(
            list.is_sorted_by(|a, b| a < b)
                && list
                    .iter()
                    .all(|word| word.to_lowercase() == **word && word.len() >= 8)
        );
    }
}
