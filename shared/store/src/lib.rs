//! Everything that lives in DynamoDB.
//!
//! Owns: the key scheme, the form of items, every conditional write and transaction, list cursors. Refuses to know
//! why something is written: decisions are the domain's, and arrive here as records to commit on condition that
//! nothing moved in between. There is no scan. Reading a tenant's things takes the tenant, or [`System`].

mod accounts;
mod api_keys;
mod attempts;
mod audit;
mod batch;
mod bonuses;
mod breaker;
mod content_refusals;
mod cursor;
mod erasures;
mod files;
mod generations;
mod items;
mod lanes;
mod mailed_tokens;
mod models;
mod overwrite;
mod plans;
mod postings;
mod projects;
mod promos;
mod purchases;
mod quotes;
mod reconciliation;
mod rollout;
mod sessions;
mod spending;
mod standing;
mod transact;
mod wallets;

use aws::{Fault, SdkConfig};
use aws_sdk_dynamodb::Client;

pub use accounts::{PasswordRecord, Registered};
pub use api_keys::{KeyPut, KeySpend, KnownKey};
pub use attempts::Counted;
pub use audit::{RecordPage, Recorded};
pub use bonuses::{Bonus, BonusBooked};
pub use cursor::{Cursor, Place, Sequence};
pub use erasures::{EndedBy, Erased};
pub use files::{Announcement, FileChange};
pub use generations::{IdempotencyRecord, Opened, Opening, Page, Shelf, Written};
pub use postings::{Once, Posted, Posting, UsedKey};
pub use projects::{Made, ProjectPage};
pub use promos::PromoPage;
pub use purchases::{BegunCheckout, PlanChange};
pub use reconciliation::{Kept, Links, Position, Tenants};
pub use sessions::NewEra;
pub use spending::HoldPage;
pub use standing::{Asking, Standing};
pub use transact::backoff;
pub use wallets::EntryPage;

/// The tables' names.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Users, their e-mails and sessions.
    pub accounts: String,
    /// Wallets and the ledger.
    pub credits: String,
    /// Generations and idempotency records.
    pub generations: String,
    /// Uploaded files.
    pub files: String,
    /// Projects.
    pub projects: String,
    /// The audit log.
    pub audit: String,
    /// How far everybody's books were found in order.
    pub reconciliation: String,
    /// What models are offered at.
    pub models: String,
}

/// What a worker shows instead of a tenant: only code that acts for Velro itself may make one.
#[derive(Clone, Copy, Debug)]
pub struct System;

/// Reads and writes.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    tables: Tables,
}

impl Store {
    /// A store over `tables`.
    #[must_use]
    pub fn new(config: &SdkConfig, tables: Tables) -> Self {
        Self {
            client: Client::new(config),
            tables,
        }
    }

    /// Whether the database answers: one read of an item that does not exist.
    ///
    /// # Errors
    /// A [`Fault`] if it does not.
    pub async fn check(&self) -> Result<(), Fault> {
        self.client
            .get_item()
            .table_name(&self.tables.generations)
            .key("id", items::text("health"))
            .send()
            .await
            .map_err(Fault::doing("reading nothing from the database"))?;
        Ok(())
    }
}
