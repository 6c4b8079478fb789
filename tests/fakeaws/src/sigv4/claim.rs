//! The statements of a request about its signature, in its headers or in its URL.
//!
//! Owns reading them. Refuses to judge whether they are true.

use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::canonical::query_pairs;
use crate::fault::Fault;
use crate::wire::Request;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const EXPIRES_S_MAX: u32 = 604_800;

/// The parts of a claimed signature.
pub(super) struct Claim {
    pub(super) access_key_id: String,
    pub(super) date: String,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
    pub(super) amz_date: String,
    pub(super) signed_at: OffsetDateTime,
    /// The number of seconds for which a presigned URL holds; `None` in a signature by header.
    pub(super) expires_s: Option<u32>,
    /// The text that stands for the body in the signature.
    pub(super) payload: String,
}

impl Claim {
    /// Reads the one claim that a request makes.
    pub(super) fn of(request: &Request) -> Result<Self, Fault> {
        let query = query_pairs(request.uri.query().unwrap_or_default());
        let is_presigned = query.iter().any(|(name, _)| name == "X-Amz-Signature");
        match (request.header("authorization"), is_presigned) {
            (Some(_), true) => Err(Fault::bad(
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
                 Signature query string parameter or the Authorization header should be specified",
            )),
            (Some(authorization), false) => Self::of_header(request, authorization),
            (None, true) => Self::of_query(request, &query),
            (None, false) => Err(Fault::denied("AccessDenied", "Access Denied")),
        }
    }

    fn of_header(request: &Request, authorization: &str) -> Result<Self, Fault> {
        let Some(parts) = authorization.strip_prefix(ALGORITHM) else {
            return Err(malformed(false, "only AWS4-HMAC-SHA256 is supported"));
        };
        let part = |name: &str| {
            let found = parts
                .split(',')
                .find_map(|part| part.trim().strip_prefix(name));
            found.ok_or_else(|| malformed(false, &format!("{name} is missing")))
        };
        let amz_date = request.header("x-amz-date").unwrap_or_default();
        let payload = request.header("x-amz-content-sha256").ok_or_else(|| {
            Fault::bad(
                "InvalidRequest",
                "Missing required header for this request: x-amz-content-sha256",
            )
        })?;
        Self::assemble(
            false,
            part("Credential=")?,
            part("SignedHeaders=")?,
            part("Signature=")?,
            amz_date,
            None,
            payload,
        )
    }

    fn of_query(request: &Request, query: &[(String, String)]) -> Result<Self, Fault> {
        let value = |wanted: &str| {
            let found = query.iter().find(|(name, _)| name == wanted);
            found
                .map(|(_, value)| value.as_str())
                .ok_or_else(|| malformed(true, &format!("the parameter {wanted} is missing")))
        };
        if value("X-Amz-Algorithm")? != ALGORITHM {
            return Err(malformed(
                true,
                "X-Amz-Algorithm only supports AWS4-HMAC-SHA256",
            ));
        }
        let expires_s = value("X-Amz-Expires")?.parse().ok();
        let Some(expires_s) = expires_s.filter(|s| (1..=EXPIRES_S_MAX).contains(s)) else {
            return Err(malformed(true, "X-Amz-Expires must be 1 to 604800 seconds"));
        };
        let payload = request
            .header("x-amz-content-sha256")
            .or_else(|| value("X-Amz-Content-Sha256").ok())
            .unwrap_or("UNSIGNED-PAYLOAD");
        Self::assemble(
            true,
            value("X-Amz-Credential")?,
            value("X-Amz-SignedHeaders")?,
            value("X-Amz-Signature")?,
            value("X-Amz-Date")?,
            Some(expires_s),
            payload,
        )
    }

    fn assemble(
        is_presigned: bool,
        credential: &str,
        signed_headers: &str,
        signature: &str,
        amz_date: &str,
        expires_s: Option<u32>,
        payload: &str,
    ) -> Result<Self, Fault> {
        let mut scope = credential.split('/');
        let mut next = || scope.next().unwrap_or_default().to_owned();
        let (access_key_id, date, region, service) = (next(), next(), next(), next());
        if next() != "aws4_request" {
            return Err(malformed(is_presigned, "the Credential is mal-formed"));
        }
        let form = format_description!("[year][month][day]T[hour][minute][second]Z");
        let signed_at = PrimitiveDateTime::parse(amz_date, form)
            .map_err(|_| Fault::denied("AccessDenied", "AWS authentication requires a valid Date"))?
            .assume_utc();
        Ok(Self {
            access_key_id,
            date,
            region,
            service,
            signed_headers: signed_headers
                .split(';')
                .map(str::to_ascii_lowercase)
                .collect(),
            signature: signature.to_owned(),
            amz_date: amz_date.to_owned(),
            signed_at,
            expires_s,
            payload: payload.to_owned(),
        })
    }

    /// The credential without its key id.
    pub(super) fn scope(&self) -> String {
        format!(
            "{}/{}/{}/aws4_request",
            self.date, self.region, self.service
        )
    }

    /// The refusal of a claim that names something impossible.
    pub(super) fn malformed(&self, problem: &str) -> Fault {
        malformed(self.expires_s.is_some(), problem)
    }
}

fn malformed(is_presigned: bool, problem: &str) -> Fault {
    if is_presigned {
        let message = format!("Error parsing the X-Amz-Credential parameter; {problem}");
        Fault::bad("AuthorizationQueryParametersError", message)
    } else {
        let message = format!("The authorization header is malformed; {problem}");
        Fault::bad("AuthorizationHeaderMalformed", message)
    }
}
