//! The local cloud from outside: over HTTP, on a fixture template and a real function binary.

// A test that cannot go on should say where; only the tests themselves are exempt by themselves.
#![allow(clippy::unwrap_used)]

mod control;
mod functions;
mod gateway;
mod harness;
mod mappings;
mod restart;
mod starting;
