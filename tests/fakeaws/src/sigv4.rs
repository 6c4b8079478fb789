//! Signature Version 4, from the side that checks it.
//!
//! Owns the caller that a request names, what was signed, and for how long that holds; in headers and in
//! presigned URLs. Refuses to know what the request asks for.

mod canonical;
mod claim;

use hmac::{Hmac, Mac};
use hyper::HeaderMap;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

pub(crate) use canonical::{decode, query_pairs};
use claim::Claim;

use crate::Config;
use crate::access::{Access, Need};
use crate::fault::Fault;
use crate::wire::{Refusal, Request};

const CLOCK_SKEW_MAX: Duration = Duration::minutes(15);

/// The accepted callers: everybody with a key here. All keys share one secret.
#[derive(Clone)]
pub(crate) struct Identity {
    access: Access,
    secret_access_key: String,
    region: String,
}

/// The signature's statement about the body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// Nothing.
    Unsigned,
    /// It comes in chunks, with its checksum in a trailer.
    Chunked,
    /// Its SHA-256, in hex.
    Digest(String),
}

impl Identity {
    pub(crate) fn of(config: &Config) -> Self {
        Self {
            access: Access::of(config),
            secret_access_key: config.secret_access_key.clone(),
            region: config.region.clone(),
        }
    }

    /// The permissions of the keys' roles.
    pub(crate) fn access(&self) -> &Access {
        &self.access
    }

    /// Checks that a request of the JSON services names a key whose role may do everything in `needs`. Does
    /// not look at the signature.
    pub(crate) fn check_named(&self, headers: &HeaderMap, needs: &[Need]) -> Result<(), Refusal> {
        let Some(value) = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
        else {
            let message = "Request is missing Authentication Token";
            return Err(Refusal::denied(
                "MissingAuthenticationTokenException",
                message,
            ));
        };
        let key_id = credential(value).map(|(key_id, _)| key_id);
        if let Some(key_id) = key_id.filter(|key_id| self.access.knows(key_id)) {
            let checked = self.access.check(key_id, needs);
            return checked.map_err(|words| Refusal::of("AccessDeniedException", words));
        }
        let message = "The security token included in the request is invalid.";
        Err(Refusal::denied("UnrecognizedClientException", message))
    }

    /// Reads the service that a request was signed for, and the role of the key that it names. Does not look
    /// at the signature.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Option<(String, String)> {
        let value = headers.get("authorization")?.to_str().ok()?;
        let (key_id, service) = credential(value)?;
        Some((service.to_owned(), self.access.role_name(key_id)?))
    }

    /// Whether a request was signed for this service. Does not look at the signature.
    pub(crate) fn is_for(headers: &HeaderMap, service: &str) -> bool {
        let value = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        let credential = value.and_then(credential);
        credential.is_some_and(|(_, signed_for)| signed_for == service)
    }

    /// Checks an S3 request's signature, and that it still holds at `now`. Also returns the id of the key.
    pub(crate) fn verify(
        &self,
        request: &Request,
        now: OffsetDateTime,
    ) -> Result<(Payload, String), Fault> {
        let claim = Claim::of(request)?;
        self.check_scope(&claim)?;
        check_time(&claim, now)?;
        let canonical = canonical::request(request, &claim.signed_headers, &claim.payload);
        let to_sign = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            claim.amz_date,
            claim.scope(),
            hex::encode(Sha256::digest(canonical.as_bytes())),
        );
        if self.signature(&claim, &to_sign) != claim.signature {
            return Err(Fault::denied(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. \
                 Check your key and signing method.",
            )
            .with("AWSAccessKeyId", &claim.access_key_id)
            .with("StringToSign", &to_sign)
            .with("SignatureProvided", &claim.signature)
            .with("CanonicalRequest", &canonical));
        }
        check_headers_signed(request, &claim)?;
        let payload = match claim.payload.as_str() {
            "UNSIGNED-PAYLOAD" => Payload::Unsigned,
            streaming if streaming.starts_with("STREAMING-") => Payload::Chunked,
            digest => Payload::Digest(digest.to_owned()),
        };
        Ok((payload, claim.access_key_id))
    }

    fn check_scope(&self, claim: &Claim) -> Result<(), Fault> {
        if !self.access.knows(&claim.access_key_id) {
            return Err(Fault::denied(
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
            )
            .with("AWSAccessKeyId", &claim.access_key_id));
        }
        let problem = if !claim.amz_date.starts_with(&claim.date) {
            "the date of the credential is not the date of the request".to_owned()
        } else if claim.region != self.region {
            format!(
                "the region '{}' is wrong; expecting '{}'",
                claim.region, self.region
            )
        } else if claim.service != "s3" {
            format!("incorrect service '{}'; expecting 's3'", claim.service)
        } else {
            return Ok(());
        };
        Err(claim.malformed(&problem))
    }

    fn signature(&self, claim: &Claim, to_sign: &str) -> String {
        let mut key = format!("AWS4{}", self.secret_access_key).into_bytes();
        for part in [&claim.date, &claim.region, &claim.service, "aws4_request"] {
            key = hmac(&key, part);
        }
        hex::encode(hmac(&key, to_sign))
    }
}

/// The key's id and the service in an `Authorization` header:
/// `Credential=id/date/region/service/aws4_request`. The service is empty when the header names none.
fn credential(authorization: &str) -> Option<(&str, &str)> {
    let (_, scope) = authorization.split_once("Credential=")?;
    let scope = scope.split([',', ' ']).next()?;
    let mut parts = scope.split('/');
    Some((parts.next()?, parts.nth(2).unwrap_or_default()))
}

fn check_time(claim: &Claim, now: OffsetDateTime) -> Result<(), Fault> {
    let server_time = crate::clock::rfc3339_ms(now.unix_timestamp() * 1_000);
    match claim.expires_s {
        Some(expires_s) => {
            let expires = claim.signed_at + Duration::seconds(expires_s.into());
            if now > expires {
                return Err(Fault::denied("AccessDenied", "Request has expired")
                    .with("X-Amz-Expires", &expires_s.to_string())
                    .with(
                        "Expires",
                        &crate::clock::rfc3339_ms(expires.unix_timestamp() * 1_000),
                    )
                    .with("ServerTime", &server_time));
            }
            if claim.signed_at > now + CLOCK_SKEW_MAX {
                return Err(Fault::denied("AccessDenied", "Request is not valid yet")
                    .with("ServerTime", &server_time));
            }
            Ok(())
        }
        None if (now - claim.signed_at).abs() > CLOCK_SKEW_MAX => Err(Fault::denied(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
        .with("RequestTime", &claim.amz_date)
        .with("ServerTime", &server_time)),
        None => Ok(()),
    }
}

/// Refuses unsigned AWS headers: they change what a request does.
fn check_headers_signed(request: &Request, claim: &Claim) -> Result<(), Fault> {
    let must_be_signed = |name: &&str| *name == "host" || name.starts_with("x-amz-");
    let unsigned: Vec<&str> = request
        .headers
        .keys()
        .map(hyper::header::HeaderName::as_str)
        .filter(must_be_signed)
        .filter(|name| !claim.signed_headers.iter().any(|signed| signed == name))
        .collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    let message = "There were headers present in the request which were not signed";
    Err(Fault::denied("AccessDenied", message).with("HeadersNotSigned", &unsigned.join(", ")))
}

fn hmac(key: &[u8], message: &str) -> Vec<u8> {
    // HMAC takes a key of any length, so there is no error to report.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
