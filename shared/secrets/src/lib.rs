//! Secrets, fetched by name when they are first needed, and never from the environment: a function's
//! variables can be read by anybody who may look at its configuration. Refuses to know what a secret is for.

use auth::opaque::Secret;
use aws::{Fault, SdkConfig};
use aws_sdk_ssm::Client;

/// Fetches secrets from Systems Manager's parameter store (SecureString).
#[derive(Clone, Debug)]
pub struct Secrets(Client);

impl Secrets {
    /// A client; nothing is fetched yet.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// The secret called `name`, decrypted.
    ///
    /// # Errors
    /// A [`Fault`] if there is none, or it may not be read. It never holds the value.
    pub async fn get(&self, name: &str) -> Result<Secret, Fault> {
        let doing = "fetching a secret";
        let found = self
            .0
            .get_parameter()
            .name(name)
            .with_decryption(true)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let value = found
            .parameter
            .and_then(|parameter| parameter.value)
            .filter(|value| !value.is_empty());
        value
            .map(Secret::new)
            .ok_or_else(|| Fault::new(doing, format!("{name} has no value")))
    }
}
