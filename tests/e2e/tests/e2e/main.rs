//! The product as its users meet it: HTTP requests to the local cloud, which runs the real function binaries on the
//! real template. Each test has a cloud of its own. Only the provider is a stand-in, and it speaks fal's protocol.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod admin;
mod api_keys;
mod attacks;
mod audit;
mod bad_input;
mod cancel;
mod catalogue;
mod credits;
mod directives;
mod emails;
mod erasure;
mod files;
mod filing;
mod generations;
mod interleavings;
mod key_rotation;
mod kills;
mod main_job;
mod models;
mod money;
mod observability;
mod openapi;
mod page_cost;
mod passwords;
mod profile;
mod projects;
mod promos;
mod purchases;
mod quotes;
mod rate_limits;
mod reconciliation;
mod secrets;
mod sessions;
mod tenancy;
mod unknown;
mod withheld;
