//! The local cloud: it reads template.yaml and serves it on this machine, on the real function binaries.
//!
//! Owns the template reader, the API gateway, the Lambda Runtime API, queue mappings and schedules.
//! It refuses to know what the functions do: everything it serves comes from the template.

#![allow(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "never ships: a test fails with whatever it says"
)]

mod binaries;
mod control;
mod cron;
mod data;
mod docker;
mod encoding;
mod gateway;
mod http;
mod log;
mod mappings;
mod runtime;
mod sam;
mod schedules;
mod stack;
mod template;

pub use binaries::{Binaries, build, workspace_root};
pub use data::write_privately;
pub use log::{Log, Sink};
pub use stack::{Options, Stack, StripeSecrets};

/// The reason, in one clear sentence, why the local cloud cannot be built or started.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

impl Error {
    /// An error with this sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// An error about a place in the template, or about all of it.
    fn at(place: &str, reason: &str) -> Self {
        match place {
            "" => Self(format!("the template {reason}")),
            _ => Self(format!("the template's {place} {reason}")),
        }
    }
}
