//! Digests of mailboxes, made with a key, so that somebody who sees the digests cannot try addresses.

use domain::mailboxes::Mailbox;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::CryptoFault;
use crate::opaque::Secret;

/// The length of the shortest accepted key: as long as the digest, as RFC 2104 (section 3) asks.
const KEY_BYTES_MIN: usize = 32;

/// The key of the digests of mailboxes, from which the secrets of webhook endpoints are derived, too. It
/// must never change: with another key, every mailbox is new, and receivers no longer accept our
/// signatures.
pub struct MailboxKey(Zeroizing<Vec<u8>>);

impl MailboxKey {
    /// Makes a fresh key in the form in which it is kept: 64 hexadecimal digits.
    ///
    /// # Errors
    /// A [`CryptoFault`] if the operating system has no randomness.
    pub fn generate() -> Result<Zeroizing<String>, CryptoFault> {
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES_MIN]);
        getrandom::fill(bytes.as_mut_slice()).map_err(CryptoFault::new)?;
        Ok(Zeroizing::new(hex::encode(bytes.as_slice())))
    }

    /// Reads the key that is kept as `text`.
    ///
    /// # Errors
    /// A [`CryptoFault`] if it is not hexadecimal, or too short.
    pub fn parse(text: &Secret) -> Result<Self, CryptoFault> {
        let bytes = hex::decode(text.expose().trim()).map_err(CryptoFault::new)?;
        let bytes = Zeroizing::new(bytes);
        if bytes.len() < KEY_BYTES_MIN {
            return Err(CryptoFault::new(
                "the key of mailboxes is shorter than 32 bytes",
            ));
        }
        Ok(Self(bytes))
    }

    /// Derives 32 bytes from the key and `label` for another purpose than a mailbox. Every label must have
    /// a line feed, which no address has.
    pub(crate) fn derive(&self, label: &str) -> Result<Zeroizing<Vec<u8>>, CryptoFault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(CryptoFault::new)?;
        mac.update(label.as_bytes());
        Ok(Zeroizing::new(mac.finalize().into_bytes().to_vec()))
    }

    /// Returns the digest of `mailbox` (hexadecimal).
    ///
    /// # Errors
    /// A [`CryptoFault`] if the key cannot be used.
    pub fn digest(&self, mailbox: &Mailbox) -> Result<String, CryptoFault> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(CryptoFault::new)?;
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
