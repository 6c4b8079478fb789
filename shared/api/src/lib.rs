//! The HTTP contract's bodies.
//!
//! Owns: the bodies that clients send (each has a `check` that turns it into domain types and names every
//! wrong field), the bodies they get, the one problem type, lists, times. Refuses to know where a body came
//! from or how it is answered: no status codes but the one that a problem carries, no headers, no Lambda.

pub mod accounts;
pub mod admin;
pub mod alerts;
pub mod api_keys;
pub mod audit;
pub mod body;
pub mod codes;
mod credentials;
pub mod credits;
pub mod docs;
pub mod emails;
pub mod endpoint;
pub mod events;
pub mod exports;
pub mod files;
pub mod generations;
pub mod grants;
pub mod invitations;
pub mod list;
pub mod media;
pub mod members;
pub mod metrics;
pub mod migrations;
pub mod models;
pub mod openapi;
pub mod operation;
pub mod passwords;
pub mod problem;
pub mod projects;
pub mod promos;
pub mod purchases;
pub mod query;
pub mod quotes;
pub mod reconciliation;
pub mod service;
pub mod sessions;
pub mod styles;
pub mod teams;
pub mod time;
pub mod transfers;
pub mod webhook_deliveries;
pub mod webhook_endpoints;
pub mod webhooks;

mod schema;
mod values;
