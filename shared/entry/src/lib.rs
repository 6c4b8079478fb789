//! Where Lambda meets the use cases.
//!
//! Owns: starting a function, reading its settings from the environment, turning events into requests and
//! outcomes into replies, and logging a fault once. The only crate that knows Lambda, API Gateway's events
//! and inbound HTTP. Refuses to decide anything: what happens is the `app` crate's.

pub mod authorizer;
mod boot;
mod environment;
mod failed;
pub mod http;
mod measure;
pub mod schedule;
pub mod sqs;

pub use boot::Exit;
