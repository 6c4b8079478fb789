//! Secrets, fetched by name when they are first needed. They are never in the environment: everybody who
//! may view a function's configuration can read its variables. Refuses to know what a secret is for.

use auth::opaque::Secret;
use aws::{Fault, SdkConfig};
use aws_sdk_ssm::Client;

/// A client that fetches secrets from Systems Manager's parameter store (SecureString).
#[derive(Clone, Debug)]
pub struct Secrets(Client);

impl Secrets {
    /// Makes a client; nothing is fetched yet.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self(Client::new(config))
    }

    /// Fetches the secret called `name`, decrypted.
    ///
    /// # Errors
    /// A [`Fault`] if there is no such secret, or it may not be read. The fault never holds the value.
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
