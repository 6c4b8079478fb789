//! The store: everything that lives in DynamoDB.
//!
//! Owns: the key scheme, the form of items, every conditional write and transaction, list cursors. Refuses
//! to know why something is written: the domain decides, and hands over records to commit on condition that
//! nothing changed in between. Only a migration scans. Reading a tenant's items requires the tenant, or
//! [`System`].

mod accounts;
mod alerts;
mod allowances;
mod api_keys;
mod attempts;
mod audit;
mod bonuses;
mod breaker;
mod collaborations;
mod content_refusals;
mod cursor;
mod erasures;
mod files;
mod generations;
mod grants;
mod invitations;
mod items;
mod lanes;
mod mailed_tokens;
mod members;
mod migrations;
mod models;
mod once;
mod overwrite;
mod pages;
mod postings;
mod projects;
mod promos;
mod purchases;
mod quotes;
mod reads;
mod reconciliation;
mod refunds;
mod roles;
mod rollout;
mod sessions;
mod spending;
mod standing;
mod store;
mod styles;
mod teams;
mod transact;
mod transfers;
mod usage_keys;
mod wallets;
mod webhook_deliveries;
mod webhook_endpoints;
mod webhook_secrets;

pub use accounts::{PasswordRecord, Registered};
pub use api_keys::{KeyPut, KnownKey};
pub use attempts::CountOutcome;
pub use audit::Recorded;
pub use bonuses::{Bonus, BonusBooked};
pub use cursor::{Cursor, Joined, Place, Sequence};
pub use erasures::{EndedBy, Erased, GenerationsLeft};
pub use files::{Announcement, FileChange};
pub use generations::{IdempotencyRecord, ListScope, Opened, Opening, Watched, WriteOutcome};
pub use invitations::{Answered, Invited, SentInvitation};
pub use items::{DueWebhook, SCHEMA};
pub use members::{Member, Removal};
pub use migrations::{Migration, RecordTable};
pub use once::{BegunCheckout, Once, UsedKey};
pub use pages::Page;
pub use postings::{Posted, Posting};
pub use projects::ProjectPut;
pub use purchases::PlanChange;
pub use reconciliation::{ChainPage, Position, ReadOutcome, Tenants};
pub use refunds::{GenerationRefund, RefundWritten};
pub use sessions::NewEra;
pub use standing::{Asking, Standing, TeamStanding};
pub use store::{Store, System, Tables};
pub use styles::StylePut;
pub use teams::{TeamSeen, TeamWritten};
pub use transact::backoff;
pub use transfers::{Funded, Funding, TeamEndOutcome};
pub use webhook_endpoints::{EndpointPut, MadeBy};
