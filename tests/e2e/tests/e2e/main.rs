//! The product as its users meet it: HTTP requests to the local cloud, which runs the real function binaries on the
//! real template. Each test has a cloud of its own. Only the provider is a stand-in, and it speaks fal's protocol.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod api_keys;
mod attacks;
mod audit;
mod bad_input;
mod catalogue;
mod directives;
mod files;
mod kills;
mod main_job;
mod money;
mod reconciliation;
mod sessions;
mod tenancy;
mod unknown;
