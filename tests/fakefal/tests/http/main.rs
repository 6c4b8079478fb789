//! The stand-in from outside: over HTTP, as whoever calls fal sees it.

// A test that cannot go on should say where; only the tests themselves are exempt by themselves.
#![allow(clippy::unwrap_used)]

mod answers;
mod harness;
mod media;
mod moods;
mod queue;
mod webhooks;
