//! How Velro reaches AWS.
//!
//! Owns: the one SDK configuration (TLS stack, time-outs, attempts) that every client is built from, and
//! [`Fault`], what goes wrong on our side. Refuses to know any service: each SDK has one crate that names it.

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

/// A connection within one Region takes milliseconds; one that takes longer is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// One attempt at one call. DynamoDB and SQS answer in milliseconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// One call with all its attempts: inside the ten seconds that a function has,
/// so that it can say what failed.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// Attempts at one call, the first included.
const ATTEMPTS_MAX: u32 = 3;

/// Where a function finds its credentials, as Lambda names them.
const CREDENTIALS_NAME: &str = "Lambda's environment";

/// The configuration that every client is built from. Credentials and Region come from the environment, where
/// Lambda puts them: no other place is looked at and nothing is asked over the network. `AWS_ENDPOINT_URL`
/// leads elsewhere, as it does for every SDK. `lookup` reads a variable.
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

/// Something that should not have happened: ours, logged once, never told to a client.
#[derive(Debug)]
pub struct Fault {
    doing: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl Fault {
    /// A fault that came up while `doing` something ("reading a wallet").
    pub fn new(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            doing,
            source: source.into(),
        }
    }

    /// For `map_err`: wraps whatever went wrong while `doing` something.
    pub fn doing<E: Into<Box<dyn Error + Send + Sync>>>(
        doing: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::new(doing, source)
    }

    /// The whole chain of causes in one line, for the log.
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
