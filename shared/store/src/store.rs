//! The store itself: its client, and the tables that it reads and writes.

use aws::{Fault, SdkConfig};
use aws_sdk_dynamodb::Client;

use crate::items;

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
    /// Styles.
    pub styles: String,
    /// Teams, their members and invitations.
    pub teams: String,
    /// The notes of alerts for owners of wallets.
    pub alerts: String,
    /// The audit log.
    pub audit: String,
    /// The state in which each tenant's books were last found in order.
    pub reconciliation: String,
    /// The terms on which models are offered.
    pub models: String,
    /// Webhook endpoints, and the deliveries to them.
    pub webhooks: String,
}

/// A worker passes this in place of a tenant. Only code that acts for Velro itself may create one.
#[derive(Clone, Copy, Debug)]
pub struct System;

/// The access to the tables: all reads and writes.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) tables: Tables,
}

impl Store {
    /// Creates a store over `tables`.
    #[must_use]
    pub fn new(config: &SdkConfig, tables: Tables) -> Self {
        Self {
            client: Client::new(config),
            tables,
        }
    }

    /// Checks that the database answers, by one read of an item that does not exist.
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
