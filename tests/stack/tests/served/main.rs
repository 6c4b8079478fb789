//! The local cloud from outside: over HTTP, on a fixture template and a real function binary.

// A test that cannot go on should say where; the lint exempts test functions by itself, and not their
// helpers.
#![allow(clippy::unwrap_used)]

mod control;
mod functions;
mod gateway;
mod harness;
mod mappings;
mod restart;
mod starting;
