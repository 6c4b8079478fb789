//! The rules of the house, each as a test that says in its name what must be so.

// A test that cannot go on should say where; only the tests themselves are exempt by themselves.
#![allow(clippy::unwrap_used)]

mod arrows;
mod events;
mod gateway_responses;
mod invoked;
mod least_privilege;
mod manifests;
mod openapi;
mod plans;
mod queues;
mod resources;
mod routes;
mod samples;
mod sources;
mod template;
mod workspace;
