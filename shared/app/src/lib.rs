//! The use cases, by noun.
//!
//! Owns: the order of the steps, and what happens when one of them fails. Refuses to know HTTP, Lambda and
//! how anything is stored: the same function serves an endpoint, a worker and a scheduled job.

pub mod accounts;
pub mod admin;
pub mod alerts;
pub mod api_keys;
mod attempts;
pub mod audit;
pub mod bonuses;
pub mod breaker;
mod challenge;
pub mod clock;
pub mod config;
pub mod credits;
pub mod emails;
pub mod erasure;
mod events;
pub mod exports;
pub mod files;
pub mod generations;
pub mod grants;
pub mod health;
pub mod invitations;
pub mod jobs;
mod letters;
mod mailed_tokens;
pub mod media;
pub mod members;
pub mod metrics;
pub mod migrations;
pub mod models;
pub mod pages;
pub mod passwords;
pub mod postings;
pub mod projects;
pub mod promos;
pub mod purchases;
pub mod quotes;
pub mod reconciliation;
pub mod refunds;
pub mod retention;
pub mod rollout;
pub mod sessions;
pub mod shared_keys;
pub mod styles;
pub mod teams;
pub mod transfers;
pub mod usage_keys;
pub mod webhook_deliveries;
pub mod webhook_endpoints;
pub mod webhook_secrets;
pub mod webhooks;

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use auth::keys::{KeySet, PublicKeys};
use auth::mailboxes::MailboxKey;
use auth::opaque::Secret;
use auth::tokens::{Issuer, TokenVerifier};
use aws::{Fault, SdkConfig};
use blobs::Blobs;
use domain::Refusal;
use mail::Mail;
use payments::Stripe;
use plans::Plans;
use provider::Fal;
use provider::webhook::WebhookVerifier;
use queue::Queue;
use receivers::Receivers;
use secrets::Secrets;
use store::Store;
use tokio::sync::OnceCell;

pub use config::Config;

/// The settings, and the clients of everything that the use cases need. Each client is built when it is
/// first needed, and then kept, so that a function's cold start pays only for what its endpoint does.
pub struct App {
    /// The settings.
    pub config: Config,
    sdk: SdkConfig,
    store: OnceLock<Store>,
    queue: OnceLock<Queue>,
    blobs: OnceLock<Blobs>,
    mail: OnceLock<Mail>,
    plans: OnceLock<Plans>,
    shared_keys_ready: OnceLock<u32>,
    fal: OnceCell<Fal>,
    fal_verifier: OnceLock<WebhookVerifier>,
    stripe: OnceCell<Stripe>,
    receivers: OnceLock<Receivers>,
    challenge: OnceCell<challenges::ChallengeVerifier>,
    stripe_webhook_secret: OnceCell<Secret>,
    issuer: OnceCell<Issuer>,
    mailbox_key: OnceCell<MailboxKey>,
    verifier: OnceLock<TokenVerifier>,
}

/// The reason why a use case did not do what it was asked to do.
#[derive(Debug)]
pub enum Error {
    /// It is not allowed or not possible. The client is told why.
    Refused(Refusal),
    /// Something of ours broke.
    Faulted(Fault),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Faulted(fault)
    }
}

/// A service that a function may need for its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// DynamoDB.
    Database,
    /// SQS.
    Queues,
}

/// The time that connecting may take. A start has ten seconds, and the first request asks again for what is
/// slow now.
const CONNECT_PATIENCE: Duration = Duration::from_secs(1);

impl App {
    /// Makes the app with these settings. Nothing is built or asked yet.
    #[must_use]
    pub fn new(config: Config, sdk: SdkConfig) -> Self {
        Self {
            config,
            sdk,
            store: OnceLock::new(),
            queue: OnceLock::new(),
            blobs: OnceLock::new(),
            mail: OnceLock::new(),
            plans: OnceLock::new(),
            shared_keys_ready: OnceLock::new(),
            fal: OnceCell::new(),
            fal_verifier: OnceLock::new(),
            stripe: OnceCell::new(),
            receivers: OnceLock::new(),
            challenge: OnceCell::new(),
            stripe_webhook_secret: OnceCell::new(),
            issuer: OnceCell::new(),
            mailbox_key: OnceCell::new(),
            verifier: OnceLock::new(),
        }
    }

    /// Opens the connections to `services` while the function starts, when Lambda gives it a whole
    /// processor core; later, 256 MB get a seventh of one. It sends each service a question and ignores the
    /// answer: a refusal leaves a connection that is just as good, and without one the first request opens
    /// its own.
    pub async fn connect(&self, services: &[Service]) {
        let ask = |service: &Service| {
            let service = *service;
            async move {
                match service {
                    Service::Database => self.store().check().await,
                    Service::Queues => self.queue().check().await,
                }
            }
        };
        let all = futures::future::join_all(services.iter().map(ask));
        if tokio::time::timeout(CONNECT_PATIENCE, all).await.is_err() {
            tracing::warn!("connecting takes long; the first request goes on with it");
        }
    }

    /// Returns the client of the database.
    pub fn store(&self) -> &Store {
        self.store
            .get_or_init(|| Store::new(&self.sdk, self.config.tables.clone()))
    }

    /// Returns the client of the queues.
    pub fn queue(&self) -> &Queue {
        self.queue
            .get_or_init(|| Queue::new(&self.sdk, self.config.queues.clone()))
    }

    /// Returns the client of the buckets.
    pub fn blobs(&self) -> &Blobs {
        self.blobs
            .get_or_init(|| Blobs::new(&self.sdk, self.config.buckets.clone()))
    }

    /// Returns the client that sends letters.
    pub(crate) fn mail(&self) -> &Mail {
        self.mail
            .get_or_init(|| Mail::new(&self.sdk, self.config.mail.clone()))
    }

    /// Returns the client for the usage plans' keys. Only one function has the settings for it.
    pub(crate) fn plans(&self) -> Result<&Plans, Fault> {
        let known = self.config.usage_plans.as_ref();
        let known = known.ok_or_else(|| Fault::new("reading the settings", "no usage plans"))?;
        Ok(self
            .plans
            .get_or_init(|| Plans::new(&self.sdk, known.clone())))
    }

    /// Returns how many of a plan's shared keys may be used. It reads the number until it is the full one;
    /// it never falls again.
    pub(crate) async fn shared_keys_ready(&self) -> Result<u32, Fault> {
        if let Some(ready) = self.shared_keys_ready.get() {
            return Ok(*ready);
        }
        let wanted = self.config.shared_keys.count;
        let ready = match wanted {
            1 => 1,
            _ => self.store().shared_keys().await?.ready.min(wanted),
        };
        if ready == wanted {
            let _ = self.shared_keys_ready.set(ready);
        }
        Ok(ready)
    }

    /// Returns the client of the provider. The first call fetches its key.
    pub(crate) async fn fal(&self) -> Result<&Fal, Fault> {
        self.fal
            .get_or_try_init(|| async {
                let key = Secrets::new(&self.sdk)
                    .get(&self.config.fal.key_name)
                    .await?;
                let settings = provider::FalConfig {
                    queue_url: self.config.fal.queue_url.clone(),
                    key,
                };
                Fal::new(settings).map_err(Fault::doing("building the provider's client"))
            })
            .await
    }

    /// Returns the verifier of the provider's webhooks.
    pub(crate) fn fal_verifier(&self) -> Result<&WebhookVerifier, Fault> {
        if let Some(verifier) = self.fal_verifier.get() {
            return Ok(verifier);
        }
        let verifier = WebhookVerifier::new(self.config.fal.jwks_url.clone())
            .map_err(Fault::doing("building the verifier of webhooks"))?;
        Ok(self.fal_verifier.get_or_init(|| verifier))
    }

    /// Returns the client of Stripe. The first call fetches our key.
    pub(crate) async fn stripe(&self) -> Result<&Stripe, Fault> {
        self.stripe
            .get_or_try_init(|| async {
                let settings = &self.config.stripe;
                let key = Secrets::new(&self.sdk).get(&settings.key_name).await?;
                Stripe::new(&settings.url, key).map_err(Fault::doing("building Stripe's client"))
            })
            .await
    }

    /// Returns the client that sends events to the receivers of webhooks.
    pub(crate) fn receivers(&self) -> Result<&Receivers, Fault> {
        if let Some(receivers) = self.receivers.get() {
            return Ok(receivers);
        }
        let receivers = Receivers::new(self.config.webhook_reach)
            .map_err(Fault::doing("building the client of webhooks"))?;
        Ok(self.receivers.get_or_init(|| receivers))
    }

    /// Returns the verifier of challenges. The first call fetches our secret there.
    pub(crate) async fn challenge_verifier(
        &self,
        settings: &config::ChallengeSettings,
    ) -> Result<&challenges::ChallengeVerifier, Fault> {
        self.challenge
            .get_or_try_init(|| async {
                let secret = Secrets::new(&self.sdk).get(&settings.secret_name).await?;
                challenges::ChallengeVerifier::new(&settings.url, secret)
                    .map_err(Fault::doing("building a challenge's verifier"))
            })
            .await
    }

    /// Returns the secret that Stripe signs its events with. The first call fetches it.
    pub(crate) async fn stripe_webhook_secret(&self) -> Result<&Secret, Fault> {
        self.stripe_webhook_secret
            .get_or_try_init(|| async {
                let name = &self.config.stripe.webhook_secret_name;
                Secrets::new(&self.sdk).get(name).await
            })
            .await
    }

    /// Returns the issuer of access tokens. The first call fetches the private keys.
    pub(crate) async fn issuer(&self) -> Result<&Issuer, Fault> {
        self.issuer
            .get_or_try_init(|| async {
                let keys = Secrets::new(&self.sdk)
                    .get(&self.config.tokens.signing_keys_name)
                    .await?;
                let keys = KeySet::from_private_json(keys.expose())
                    .map_err(Fault::doing("reading the signing keys"))?;
                Issuer::new(
                    &keys,
                    &self.config.tokens.issuer,
                    &self.config.tokens.audience,
                )
                .map_err(Fault::doing("reading the signing keys"))
            })
            .await
    }

    /// Returns the key that digests mailboxes, and from which the secrets of webhooks are derived. The
    /// first call fetches it.
    pub(crate) async fn mailbox_key(&self) -> Result<&MailboxKey, Fault> {
        self.mailbox_key
            .get_or_try_init(|| async {
                let key = Secrets::new(&self.sdk)
                    .get(&self.config.mailbox_key_name)
                    .await?;
                MailboxKey::parse(&key).map_err(Fault::doing("reading the key of mailboxes"))
            })
            .await
    }

    /// Returns the verifier of access tokens.
    pub(crate) fn verifier(&self) -> Result<&TokenVerifier, Fault> {
        if let Some(verifier) = self.verifier.get() {
            return Ok(verifier);
        }
        let keys = PublicKeys::from_jwks_json(&self.config.tokens.public_keys)
            .map_err(Fault::doing("reading the public keys"))?;
        let verifier = TokenVerifier::new(
            keys,
            &self.config.tokens.issuer,
            &self.config.tokens.audience,
        );
        Ok(self.verifier.get_or_init(|| verifier))
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
