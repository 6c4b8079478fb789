//! The wire to Stripe.
//!
//! Owns: beginning a checkout, and reading Stripe's events with their signatures; all of it is translated
//! to the domain's types. Refuses to know our ledger. It speaks plain HTTP with forms, because two calls
//! need no SDK.

mod checkout;
pub mod webhook;

use std::time::Duration;

use auth::opaque::Secret;
use reqwest::Client;
use web::ClientBuildError;

pub use checkout::{Began, CheckoutError, NewCheckout};

/// The time within which a connection must be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time within which Stripe must answer: well inside the gateway's 29 seconds.
pub const TIMEOUT: Duration = Duration::from_secs(15);

/// The client of Stripe.
pub struct Stripe {
    url: reqwest::Url,
    key: Secret,
    http: Client,
}

impl Stripe {
    /// Creates a client for the API at `url`, such as `https://api.stripe.com`.
    ///
    /// # Errors
    /// [`ClientBuildError`] if the address is not a URL, or TLS cannot be set up.
    pub fn new(url: &str, key: Secret) -> Result<Self, ClientBuildError> {
        let url = reqwest::Url::parse(url)
            .map_err(|error| ClientBuildError(format!("Stripe's address is not a URL: {error}")))?;
        let http = web::client(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| ClientBuildError(format!("no HTTP client: {error}")))?;
        Ok(Self { url, key, http })
    }
}
