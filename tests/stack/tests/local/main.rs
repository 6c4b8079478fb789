//! `cargo local` as its users run it: the real binary in a process of its own, on the real functions.
//!
//! Owns what a process adds to the library: its arguments, its files, its end, and what is left when it is
//! killed. Refuses to look inside: everything is asked over HTTP.

// A test that cannot go on should say where; only the tests themselves are exempt by themselves.
#![allow(clippy::unwrap_used)]

mod client;
mod killed;
mod process;
mod refusals;
mod starting;
mod storm;
