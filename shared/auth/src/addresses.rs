//! Signatures of media addresses.
//!
//! Each generation has a secret of its own for them, in its record. So no key is fetched to check a
//! signature, and deleting the generation ends all its addresses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::generations::{MediaAddress, SignedAddress};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::CryptoFault;

/// Keeps these signatures apart from any other use of the same secret.
const LABEL: &str = "velro media address";

/// Signs `address` with its generation's secret.
///
/// # Errors
/// A [`CryptoFault`] if the secret is empty.
pub fn sign(secret: &str, address: MediaAddress) -> Result<SignedAddress, CryptoFault> {
    let signature = mac(secret, &address)?.finalize().into_bytes();
    Ok(SignedAddress {
        address,
        signature: URL_SAFE_NO_PAD.encode(signature),
    })
}

/// Whether `signed` was signed with this secret, in constant time.
#[must_use]
pub fn is_signed(secret: &str, signed: &SignedAddress) -> bool {
    let signature = URL_SAFE_NO_PAD.decode(&signed.signature);
    match (mac(secret, &signed.address), signature) {
        (Ok(mac), Ok(signature)) => mac.verify_slice(&signature).is_ok(),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// No part can hold a line feed, so no two addresses give the same text.
fn mac(secret: &str, address: &MediaAddress) -> Result<Hmac<Sha256>, CryptoFault> {
    if secret.is_empty() {
        return Err(CryptoFault::new("the generation has no secret"));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(CryptoFault::new)?;
    let MediaAddress {
        generation,
        name,
        expires_at,
    } = address;
    let (name, ends_at_s) = (name.as_str(), expires_at.seconds());
    mac.update(format!("{LABEL}\n{generation}\n{name}\n{ends_at_s}").as_bytes());
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::generations::MediaName;
    use domain::ids::GenerationId;

    use super::*;

    fn address(generation: u128, name: &str, ends_at_s: i64) -> MediaAddress {
        MediaAddress {
            generation: GenerationId::new(Timestamp::from_ms(1), generation),
            name: MediaName::parse(name).expect("a name"),
            expires_at: Timestamp::from_ms(ends_at_s * 1_000),
        }
    }

    #[test]
    fn a_signature_is_for_one_address_and_one_secret() {
        let signed = sign("secret", address(1, "0.jpg", 7)).expect("a secret");
        assert!(is_signed("secret", &signed));
        assert!(!is_signed("another", &signed));
        for other in [
            address(2, "0.jpg", 7),
            address(1, "1.jpg", 7),
            address(1, "0.jpg", 8),
        ] {
            let moved = SignedAddress {
                address: other,
                ..signed.clone()
            };
            assert!(!is_signed("secret", &moved), "{moved:?}");
        }
    }

    #[test]
    fn nothing_is_signed_without_a_secret() {
        let signed = sign("secret", address(1, "0.jpg", 7)).expect("a secret");
        assert!(sign("", signed.address.clone()).is_err());
        assert!(!is_signed("", &signed));
        for text in ["", "AAAA", "not base64!", &"A".repeat(44)] {
            let signature = text.to_owned();
            let forged = SignedAddress {
                signature,
                ..signed.clone()
            };
            assert!(!is_signed("secret", &forged), "{text}");
        }
    }
}
