//! The connection between Lambda and the use cases.
//!
//! Owns: starting a function, reading its settings from the environment, turning events into requests and
//! results into replies, and logging each fault once. It is the only crate that knows Lambda, API Gateway's
//! events and inbound HTTP. Refuses to decide anything: that is the task of the `app` crate.

pub mod authorizer;
mod boot;
mod environment;
mod failed;
pub mod http;
mod log;
mod measure;
pub mod schedule;
pub mod sqs;

pub use boot::Exit;
