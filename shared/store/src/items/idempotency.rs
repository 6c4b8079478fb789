//! Idempotency records, beside the generations (key `idem#<tenant>#<digest of the client's key>`).

use domain::ids::Tenant;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// "This key made this generation": written with the job, kept as long as the job's own record.
#[derive(Serialize, Deserialize)]
pub(crate) struct IdempotencyItem {
    pub(crate) id: String,
    pub(crate) generation_id: String,
    pub(crate) fingerprint: String,
    pub(crate) status: u16,
    pub(crate) created_at_ms: i64,
}

impl IdempotencyItem {
    /// How a job that was finished in time is told from one that was accepted:
    /// by the status that was answered.
    pub(crate) const IN_TIME: u16 = 201;
    const ACCEPTED: u16 = 202;

    /// What is kept of how a job was answered.
    pub(crate) const fn status(in_time: bool) -> u16 {
        if in_time {
            Self::IN_TIME
        } else {
            Self::ACCEPTED
        }
    }

    /// The record's key: the tenant's, and a digest, since the client's key may be anything.
    pub(crate) fn key(tenant: &Tenant, client_key: &str) -> String {
        format!(
            "idem#{tenant}#{}",
            hex::encode(Sha256::digest(client_key.as_bytes()))
        )
    }
}
