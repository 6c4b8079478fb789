//! HTTP over the public internet.
//!
//! Owns: the common settings of all our clients, and the addresses that are safe to call when somebody else
//! names them. Refuses to know whom the clients call, and for what.

mod address;

use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::redirect::Policy;
use thiserror::Error;

pub use address::may_be_tried;
use address::{NotPublic, PublicOnly};

/// A client that cannot be built.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ClientBuildError(pub String);
/// Makes a client that follows no redirect and uses no proxy.
pub fn client(connect_timeout: Duration) -> ClientBuilder {
    // If a provider was installed before, it is this one: the workspace has no other.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(connect_timeout)
        .redirect(Policy::none())
        .no_proxy()
        .user_agent("velro")
}

/// Makes a client that, in addition, connects only to public addresses, over TLS. It is for addresses that
/// somebody else names.
pub fn public_client(connect_timeout: Duration) -> ClientBuilder {
    client(connect_timeout)
        .dns_resolver(PublicOnly)
        .https_only(true)
}

/// Whether a request was not sent because its host leads to no public address.
#[must_use]
pub fn is_not_public(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if inner.is::<NotPublic>() {
            return true;
        }
        cause = inner.source();
    }
    false
}
