//! The subject matter of Velro, apart from how it is stored, sent or served.
//!
//! Owns: ids, credits, the wallet and its ledger, spending by period, quotes, purchases, promo codes,
//! teams, the life of a generation, the turns of the lanes, the catalogue, projects, styles, accounts,
//! access rights, files, the hash chains under ledger and audit log, and every reason to refuse. Refuses to
//! know: time (a moment is an argument), randomness, I/O, JSON, HTTP, AWS.

pub mod access;
pub mod accounts;
pub mod admin;
pub mod alerts;
pub mod api_keys;
pub mod attempts;
pub mod audit;
pub mod bonuses;
pub mod breaker;
pub mod callers;
pub mod catalogue;
pub mod chain;
pub mod credits;
pub mod erasure;
pub mod events;
pub mod exports;
pub mod files;
pub mod generations;
pub mod idempotency;
pub mod ids;
pub mod labels;
pub mod lanes;
pub mod ledger;
pub mod mailboxes;
pub mod migrations;
pub mod patch;
pub mod plans;
pub mod projects;
pub mod promos;
pub mod purchases;
pub mod quotes;
pub mod reconciliation;
pub mod refusal;
pub mod rollout;
pub mod spending;
pub mod styles;
pub mod teams;
pub mod text;
pub mod time;
pub mod turns;
pub mod usage_keys;
pub mod webhook_deliveries;
pub mod webhook_endpoints;

pub use credits::Credits;
pub use patch::Patch;
pub use refusal::{FieldCode, FieldError, Refusal};
pub use time::Timestamp;
