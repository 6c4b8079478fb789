//! The HTTP contract's bodies.
//!
//! Owns: what clients send (and `check`, from wire to domain, naming every field that is wrong), what they get, the
//! one problem type, lists, times. Refuses to know where a body came from or how it is answered: no status codes
//! but the one a problem carries, no headers, no Lambda.

pub mod accounts;
pub mod api_keys;
pub mod audit;
pub mod body;
pub mod credits;
pub mod files;
pub mod generations;
pub mod list;
pub mod models;
pub mod problem;
pub mod query;
pub mod reconciliation;
pub mod service;
pub mod time;

mod values;
