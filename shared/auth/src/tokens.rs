//! Access tokens: JWTs signed with EdDSA, with a lifetime of a quarter of an hour. There is one algorithm,
//! keys are chosen by name from our own list, and every claim is checked. Other fields of a token's header
//! are ignored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::{SessionId, UserId};
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::CryptoFault;
use crate::keys::{KeySet, PublicKeys, Seed};
use crate::opaque::RefreshToken;

/// The lifetime of an access token.
pub const LIFETIME_S: u64 = 15 * 60;
/// The most seconds that two clocks may differ.
const LEEWAY_S: i64 = 5;
/// The longest token that is accepted.
const TOKEN_BYTES_MAX: usize = 2_048;

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: String,
    iat: i64,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

/// The content of a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
}

/// The tokens of a signed-in user.
pub struct Pair {
    /// The token for the next minutes.
    pub access: String,
    /// The token that is exchanged for the next pair, once.
    pub refresh: String,
    /// The lifetime of the access token, in seconds.
    pub expires_in_s: u64,
}

/// The error for a token that is not valid. The reason is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied;

/// Signs access tokens, and exchanges refresh tokens.
pub struct Issuer {
    key: EncodingKey,
    seeds: Vec<Seed>,
    kid: String,
    issuer: String,
    audience: String,
}

impl Issuer {
    /// Makes an issuer that signs with the first of `keys`.
    ///
    /// # Errors
    /// A [`CryptoFault`] if there is no key.
    pub fn new(keys: &KeySet, issuer: &str, audience: &str) -> Result<Self, CryptoFault> {
        let (kid, signing) = keys
            .signing()
            .ok_or_else(|| CryptoFault::new("there is no signing key"))?;
        let der = signing.to_pkcs8_der().map_err(CryptoFault::new)?;
        let key = EncodingKey::from_ed_der(der.as_bytes());
        Ok(Self {
            key,
            seeds: keys.seeds(),
            kid,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        })
    }

    /// Makes a token for `user` in `session`, valid from `now_s` for [`LIFETIME_S`].
    ///
    /// # Errors
    /// A [`CryptoFault`] if it cannot be signed.
    pub fn issue(
        &self,
        user: &UserId,
        session: &SessionId,
        now_s: i64,
    ) -> Result<String, CryptoFault> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.to_string(),
            sid: session.to_string(),
            iat: now_s,
            exp: now_s + LIFETIME_S as i64,
            nbf: None,
        };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(CryptoFault::new)
    }

    /// Returns the tokens that `token` is exchanged for: by the key that signs first, then by the key
    /// before it, which another instance may have used a moment ago.
    ///
    /// # Errors
    /// A [`CryptoFault`] if a key cannot be used.
    pub fn successors(&self, token: &RefreshToken) -> Result<Vec<RefreshToken>, CryptoFault> {
        let seeds = self.seeds.iter();
        seeds.map(|seed| token.successor(seed.as_slice())).collect()
    }
}

/// Verifies access tokens.
pub struct TokenVerifier {
    keys: PublicKeys,
    validation: Validation,
    issuer: String,
    audience: String,
}

impl TokenVerifier {
    /// Makes a verifier that trusts `keys`, for tokens of this issuer and audience.
    #[must_use]
    pub fn new(keys: PublicKeys, issuer: &str, audience: &str) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // The library would read the clock itself. Times, issuer and audience are checked below, against
        // ours.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self {
            keys,
            validation,
            issuer: issuer.to_owned(),
            audience: audience.to_owned(),
        }
    }

    /// Returns the content of `token`, if it is valid at `now_s`.
    ///
    /// # Errors
    /// [`Denied`] for any other token.
    pub fn verify(&self, token: &str, now_s: i64) -> Result<AccessClaims, Denied> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Denied);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Denied)?;
        if header.alg != Algorithm::EdDSA {
            return Err(Denied);
        }
        let key = header
            .kid
            .as_deref()
            .and_then(|kid| self.keys.find(kid))
            .ok_or(Denied)?;
        let key = DecodingKey::from_ed_components(&URL_SAFE_NO_PAD.encode(key.as_bytes()))
            .map_err(|_| Denied)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation)
            .map_err(|_| Denied)?
            .claims;
        let timely = claims.exp > now_s - LEEWAY_S
            && claims.iat <= now_s + LEEWAY_S
            && claims.nbf.is_none_or(|nbf| nbf <= now_s + LEEWAY_S);
        if !timely || claims.iss != self.issuer || claims.aud != self.audience {
            return Err(Denied);
        }
        let user = UserId::parse(&claims.sub).ok_or(Denied)?;
        let session = SessionId::parse(&claims.sid).ok_or(Denied)?;
        Ok(AccessClaims { user, session })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use hmac::Mac as _;
    use serde_json::{Value, json};

    const NOW: i64 = 1_790_000_000;

    struct Fixture {
        keys: KeySet,
        verifier: TokenVerifier,
        user: UserId,
        session: SessionId,
    }

    fn fixture() -> Fixture {
        let keys = KeySet::generate(NOW).expect("randomness");
        let public = PublicKeys::from_jwks_json(&keys.public_jwks_json()).expect("its own form");
        let at = Timestamp::from_ms(1);
        Fixture {
            keys,
            verifier: TokenVerifier::new(public, "velro", "velro-api"),
            user: UserId::new(at, 1),
            session: SessionId::new(at, 2),
        }
    }

    impl Fixture {
        fn issue(&self, issuer: &str, audience: &str, now_s: i64) -> String {
            let issuer = Issuer::new(&self.keys, issuer, audience).expect("a key");
            issuer
                .issue(&self.user, &self.session, now_s)
                .expect("signs")
        }

        /// Makes a token with any header and claims, signed with the right key.
        fn forge(&self, header: &Value, claims: &Value) -> String {
            use ed25519_dalek::Signer as _;
            let message = unsigned(header, claims);
            let (_, key) = self.keys.signing().expect("a key");
            format!(
                "{message}.{}",
                URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes())
            )
        }

        fn claims(&self) -> Value {
            json!({"iss": "velro", "aud": "velro-api", "sub": self.user.as_str(), "sid": self.session.as_str(),
                   "iat": NOW, "exp": NOW + 900})
        }

        fn kid(&self) -> String {
            self.keys.signing().expect("a key").0
        }
    }

    fn unsigned(header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(header), part(claims))
    }

    #[test]
    fn our_own_token_is_accepted_until_it_expires() {
        let f = fixture();
        let token = f.issue("velro", "velro-api", NOW);
        let access = AccessClaims {
            user: f.user.clone(),
            session: f.session.clone(),
        };
        assert_eq!(f.verifier.verify(&token, NOW), Ok(access.clone()));
        assert_eq!(f.verifier.verify(&token, NOW + 899), Ok(access));
        assert_eq!(f.verifier.verify(&token, NOW + 906), Err(Denied));
        assert_eq!(
            f.verifier.verify(&token, NOW - 60),
            Err(Denied),
            "from the future"
        );
    }

    #[test]
    fn a_token_for_somebody_else_is_denied() {
        let f = fixture();
        assert_eq!(
            f.verifier.verify(&f.issue("velro", "other", NOW), NOW),
            Err(Denied)
        );
        assert_eq!(
            f.verifier.verify(&f.issue("other", "velro-api", NOW), NOW),
            Err(Denied)
        );
        assert_eq!(
            f.verifier
                .verify(&fixture().issue("velro", "velro-api", NOW), NOW),
            Err(Denied),
            "another's key"
        );
    }

    #[test]
    fn every_forgery_is_denied() {
        let f = fixture();
        let good = json!({"alg": "EdDSA", "typ": "JWT", "kid": f.kid()});
        assert!(
            f.verifier.verify(&f.forge(&good, &f.claims()), NOW).is_ok(),
            "the forge itself works"
        );

        let none = unsigned(&json!({"alg": "none", "kid": f.kid()}), &f.claims());
        let hs256 = {
            let message = unsigned(&json!({"alg": "HS256", "kid": f.kid()}), &f.claims());
            let secret = f.keys.public_jwks_json();
            let mut mac =
                hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
            mac.update(message.as_bytes());
            format!(
                "{message}.{}",
                URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
            )
        };
        let mut later = f.claims();
        later["nbf"] = json!(NOW + 600);
        let mut bare = f.claims();
        bare.as_object_mut().expect("an object").remove("exp");
        let mut not_ours = f.claims();
        not_ours["sub"] = json!("admin");
        let token = f.forge(&good, &f.claims());
        let signature = token.rsplit('.').next().expect("three parts");
        let mut other = f.claims();
        other["sub"] = json!(UserId::new(Timestamp::from_ms(9), 9).as_str());
        let swapped = format!("{}.{signature}", unsigned(&good, &other));
        let forgeries = [
            ("no algorithm", format!("{none}.")),
            ("no algorithm, no signature part", none),
            ("the public key as an HMAC secret", hs256),
            (
                "an unknown key",
                f.forge(&json!({"alg": "EdDSA", "kid": "other"}), &f.claims()),
            ),
            ("no key id", f.forge(&json!({"alg": "EdDSA"}), &f.claims())),
            (
                "an algorithm of another family",
                f.forge(&json!({"alg": "RS256", "kid": f.kid()}), &f.claims()),
            ),
            ("not valid yet", f.forge(&good, &later)),
            ("no expiry", f.forge(&good, &bare)),
            ("a subject that is no user", f.forge(&good, &not_ours)),
            ("a claim set that was not signed", swapped),
            ("cut off", token[..token.len() - 2].to_owned()),
            (
                "too long",
                format!("{token}{}", "A".repeat(TOKEN_BYTES_MAX)),
            ),
            ("four parts", format!("{token}.x")),
            ("nothing", String::new()),
            ("dots", "..".to_owned()),
        ];
        for (what, forged) in forgeries {
            assert_eq!(f.verifier.verify(&forged, NOW), Err(Denied), "{what}");
        }
    }
}
