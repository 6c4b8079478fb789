//! The product as its users meet it: HTTP requests to the local cloud, which runs the real function
//! binaries on the real template. Each test has a cloud of its own. Only the provider is a
//! stand-in, and it speaks fal's protocol.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

mod access;
mod admin;
mod alerts;
mod api_keys;
mod attacks;
mod audit;
mod bad_input;
mod bodies;
mod bonuses;
mod calls;
mod cancel;
mod catalogue;
mod challenges;
mod collaborations;
mod copies;
mod credits;
mod directives;
mod emails;
mod erasure;
mod evidence;
mod exports;
mod files;
mod filing;
mod generations;
mod grants;
mod hanging;
mod interleavings;
mod invitations;
mod key_rotation;
mod kills;
mod lanes;
mod letters;
mod lockout;
mod main_job;
mod media;
mod members;
mod models;
mod money;
mod money_back;
mod newcomers;
mod observability;
mod openapi;
mod outage;
mod page_cost;
mod pages;
mod passwords;
mod profile;
mod projects;
mod promos;
mod provenance;
mod purchases;
mod quotes;
mod rate_limits;
mod reconciliation;
mod refunds;
mod retention;
mod secrets;
mod sequences;
mod sessions;
mod settings;
mod strangers;
mod team_wallets;
mod teams;
mod tenancy;
mod unclear;
mod unknown;
mod uploads;
mod versions;
mod webhook_endpoints;
mod withheld;
