//! Remembering a mailbox without knowing it: a digest with a key, so that who sees
//! the digests cannot try addresses.

use domain::mailboxes::Mailbox;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Problem;
use crate::opaque::Secret;

/// The shortest key that is taken: as long as the digest, as RFC 2104 (section 3) asks.
const KEY_BYTES_MIN: usize = 32;

/// The key that mailboxes are remembered with, and that the secrets of webhook endpoints follow from. It must
/// never change: with another one, every mailbox is new, and no receiver knows our signatures any more.
pub struct MailboxKey(Zeroizing<Vec<u8>>);

impl MailboxKey {
    /// A fresh one, as it is kept: 64 hexadecimal digits.
    ///
    /// # Errors
    /// A [`Problem`] if the operating system has no randomness.
    pub fn generate() -> Result<Zeroizing<String>, Problem> {
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES_MIN]);
        getrandom::fill(bytes.as_mut_slice()).map_err(Problem::new)?;
        Ok(Zeroizing::new(hex::encode(bytes.as_slice())))
    }

    /// The key that is kept as `text`.
    ///
    /// # Errors
    /// A [`Problem`] if it is not hexadecimal, or too short.
    pub fn parse(text: &Secret) -> Result<Self, Problem> {
        let bytes = hex::decode(text.expose().trim()).map_err(Problem::new)?;
        let bytes = Zeroizing::new(bytes);
        if bytes.len() < KEY_BYTES_MIN {
            return Err(Problem::new(
                "the key of mailboxes is shorter than 32 bytes",
            ));
        }
        Ok(Self(bytes))
    }

    /// 32 bytes that follow from the key and `label`, for something else than a mailbox: no address has a
    /// line feed, and every label must.
    pub(crate) fn derive(&self, label: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(Problem::new)?;
        mac.update(label.as_bytes());
        Ok(Zeroizing::new(mac.finalize().into_bytes().to_vec()))
    }

    /// What `mailbox` is remembered by (hexadecimal).
    ///
    /// # Errors
    /// A [`Problem`] if the key cannot be used.
    pub fn digest(&self, mailbox: &Mailbox) -> Result<String, Problem> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(Problem::new)?;
        mac.update(mailbox.as_str().as_bytes());
        Ok(hex::encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::accounts::Email;

    fn key() -> MailboxKey {
        let text = MailboxKey::generate().expect("randomness");
        MailboxKey::parse(&Secret::new(text.to_string())).expect("a key")
    }

    #[test]
    fn a_mailbox_has_one_digest_a_key_and_another_mailbox_another() {
        let mailbox = |text| Mailbox::of(&Email::parse(text).expect("an address"));
        let (one, other) = (key(), key());
        let digest = |key: &MailboxKey, text| key.digest(&mailbox(text)).expect("a digest");
        let ada = digest(&one, "ada@example.org");
        assert_eq!(ada, digest(&one, "ADA+art@example.org"));
        assert_ne!(ada, digest(&one, "eve@example.org"));
        assert_ne!(ada, digest(&other, "ada@example.org"));
        assert!(!ada.contains("ada"));
    }

    #[test]
    fn a_short_key_is_refused() {
        for text in ["", "00", "xyz", &"0".repeat(62)] {
            assert!(
                MailboxKey::parse(&Secret::new(text.to_owned())).is_err(),
                "{text}"
            );
        }
    }
}
