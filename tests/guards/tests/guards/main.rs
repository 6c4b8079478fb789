//! The rules of the house, each as a test whose name states the rule.

// A test that cannot go on should say where; the lint exempts test functions by itself, and not their
// helpers.
#![allow(clippy::unwrap_used)]

mod arrows;
mod code;
mod documents;
mod events;
mod gateway_responses;
mod invoked;
mod least_privilege;
mod libraries;
mod manifests;
mod modules;
mod openapi;
mod plans;
mod queues;
mod resources;
mod routes;
mod samples;
mod sources;
mod template;
mod workspace;
