//! `cargo local` as its users run it: the real binary in a process of its own, on the real functions.
//!
//! Owns the things that a process adds to the library: its arguments, its files, its end, and what a kill
//! leaves behind. Refuses to look inside: everything is asked over HTTP.

// A test that cannot go on should say where; the lint exempts test functions by itself, and not their
// helpers.
#![allow(clippy::unwrap_used)]

mod client;
mod killed;
mod process;
mod refusals;
mod starting;
mod storm;
