//! The root certificates that a function trusts for AWS.
//!
//! Owns: the five roots that every AWS service's certificate leads to. The system's own store holds some
//! hundred and forty more, and reading them took most of the computing time of a cold start. Refuses to
//! know any other service: for the provider and Stripe, the system's store is used.

use aws_smithy_http_client::tls::TrustStore;

/// The variable that names another file of roots, as for OpenSSL. It is for another endpoint, or for a
/// proxy that opens TLS.
pub(crate) const OTHER_ROOTS: &str = "SSL_CERT_FILE";

/// Amazon Trust Services' roots, from <https://www.amazontrust.com/repository/>. AWS asks its clients to
/// trust all five:
/// <https://aws.amazon.com/blogs/security/how-to-prepare-for-aws-move-to-its-own-certificate-authority/>.
const AMAZON_ROOTS: [&str; 5] = [
    include_str!("../roots/amazon-root-ca-1.pem"),
    include_str!("../roots/amazon-root-ca-2.pem"),
    include_str!("../roots/amazon-root-ca-3.pem"),
    include_str!("../roots/amazon-root-ca-4.pem"),
    include_str!("../roots/starfield-services-root-g2.pem"),
];

/// Returns Amazon's roots, or the system's if `SSL_CERT_FILE` names others.
pub(crate) fn trusted(has_other_roots: bool) -> TrustStore {
    if has_other_roots {
        return TrustStore::default();
    }
    let none = TrustStore::empty();
    AMAZON_ROOTS
        .iter()
        .fold(none, |store, pem| store.with_pem_certificate(*pem))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::{AMAZON_ROOTS, TrustStore, trusted};

    /// The fingerprints that Amazon Trust Services publishes.
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn the_systems_roots_are_read_only_if_others_are_named() {
        let reads_them = |store: TrustStore| format!("{store:?}").contains("native_roots: true");
        assert!(!reads_them(trusted(false)));
        assert!(reads_them(trusted(true)));
    }

    #[test]
    fn the_roots_are_the_five_that_amazon_publishes() {
        for (pem, fingerprint) in AMAZON_ROOTS.iter().zip(FINGERPRINTS) {
            let body: String = pem
                .lines()
                .filter(|line| !line.starts_with("---"))
                .collect();
            let certificate = STANDARD.decode(body).unwrap();
            assert_eq!(hex::encode(Sha256::digest(&certificate)), fingerprint);
        }
    }
}
