//! The connection to AWS.
//!
//! Owns: the one SDK configuration (TLS stack, time-outs, attempts) that every client is built from, and
//! [`Fault`], the error for failures on our side. Refuses to know any service: each SDK has one crate that
//! names it.

mod roots;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{self, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
pub use aws_types::SdkConfig;
use aws_types::region::Region;

/// The time for connecting. A connection within one Region takes milliseconds; a slower one is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// The time for one attempt at one call. DynamoDB and SQS answer in milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// The time for one call with all its attempts: less than the ten seconds that a function has, so that it
/// can report a failure.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// The most attempts at one call, the first included.
const ATTEMPTS_MAX: u32 = 3;

/// The source of a function's credentials.
const CREDENTIALS_NAME: &str = "Lambda's environment";

/// Returns the configuration that every client is built from. Credentials and Region come from the
/// environment, where Lambda puts them. No other place is searched, and nothing is asked over the network.
/// `AWS_ENDPOINT_URL` sets another endpoint, as for every SDK. `lookup` reads a variable.
///
/// # Errors
///
/// When one of the variables is missing, or the roots of trust cannot be read.
pub fn config(lookup: impl Fn(&str) -> Option<String>) -> Result<SdkConfig, Fault> {
    let doing = "reading where AWS is";
    let given = |name| lookup(name).filter(|value| !value.is_empty());
    let variable =
        |name| given(name).ok_or_else(|| Fault::new(doing, format!("{name} is not set")));
    let credentials = Credentials::new(
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
        given("AWS_SESSION_TOKEN"),
        None,
        CREDENTIALS_NAME,
    );
    let trust = TlsContext::builder()
        .with_trust_store(roots::trusted(given(roots::OTHER_ROOTS).is_some()))
        .build()
        .map_err(Fault::doing(doing))?;
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
        .tls_context(trust)
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(variable("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(client)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX));
    config.set_endpoint_url(given("AWS_ENDPOINT_URL"));
    Ok(config.build())
}

/// A failure on our side. It is logged once and never told to a client.
#[derive(Debug)]
pub struct Fault {
    doing: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl Fault {
    /// Makes a fault that happened while `doing` something ("reading a wallet").
    pub fn new(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            doing,
            source: source.into(),
        }
    }

    /// Wraps an error that happened while `doing` something; for `map_err`.
    pub fn doing<E: Into<Box<dyn Error + Send + Sync>>>(
        doing: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::new(doing, source)
    }

    /// Returns the whole chain of causes in one line, for the log.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause: Option<&(dyn Error + 'static)> = Some(self.source.as_ref());
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a fault while {}", self.doing)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref())
    }
}
