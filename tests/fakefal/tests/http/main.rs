//! The stand-in from outside: over HTTP, as fal's callers see it.

// A test that cannot go on should say where; the lint exempts test functions by itself, and not their
// helpers.
#![allow(clippy::unwrap_used)]

mod answers;
mod harness;
mod media;
mod moods;
mod queue;
mod webhooks;
