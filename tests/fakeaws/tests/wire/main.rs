//! The services, driven by the real SDKs and by raw requests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod api_keys;
mod dynamodb;
mod multipart;
mod parameters_and_mail;
mod presigned;
mod queue_rules;
mod queues;
mod restart;
mod storage;
mod world;
