//! Idempotency records, beside the generations (key `idem#<tenant>#<digest of the client's key>`).

use domain::ids::Tenant;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The record that a key created a generation. It is written with the job and kept as long as the job's own
/// record.
#[derive(Serialize, Deserialize)]
pub(crate) struct IdempotencyItem {
    pub(crate) id: String,
    pub(crate) generation_id: String,
    pub(crate) fingerprint: String,
    pub(crate) status: u16,
    pub(crate) created_at_ms: i64,
}

impl IdempotencyItem {
    /// The stored status of a job that finished while its client waited: the status of the answer.
    pub(crate) const IN_TIME: u16 = 201;
    const ACCEPTED: u16 = 202;

    /// Returns the stored status for the way in which a job was answered.
    pub(crate) const fn status(in_time: bool) -> u16 {
        if in_time {
            Self::IN_TIME
        } else {
            Self::ACCEPTED
        }
    }

    /// Returns the record's key: the tenant's id, and a digest of the client's key, which may be any text.
    pub(crate) fn key(tenant: &Tenant, client_key: &str) -> String {
        format!(
            "idem#{tenant}#{}",
            hex::encode(Sha256::digest(client_key.as_bytes()))
        )
    }
}
