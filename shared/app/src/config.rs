//! The settings of every use case, as `template.yaml` gives them. Owns their shape; refuses to read the
//! environment (the `entry` crate does, and names everything that is missing).

use std::time::Duration;

use blobs::Buckets;
use domain::accounts::Email;
use domain::bonuses::BonusRule;
use domain::breaker::BreakerRule;
use domain::generations::Retention;
use domain::plans::{ByPlan, UsagePlans};
use queue::Queues;
use receivers::Reach;
use store::Tables;

/// Every setting.
#[derive(Clone, Debug)]
pub struct Config {
    /// The function's name.
    pub function: String,
    /// The namespace in CloudWatch of what is measured: each stack's own, or one's
    /// alarms would ring for the other.
    pub metrics_namespace: String,
    /// The database's tables.
    pub tables: Tables,
    /// The queues.
    pub queues: Queues,
    /// The buckets.
    pub buckets: Buckets,
    /// The provider.
    pub fal: FalSettings,
    /// Stripe.
    pub stripe: StripeSettings,
    /// Access tokens.
    pub tokens: TokenSettings,
    /// Jobs.
    pub jobs: JobSettings,
    /// How many bytes of uploads a user may have.
    pub upload_bytes_max: ByPlan<u64>,
    /// How long media are kept.
    pub retention: ByPlan<Retention>,
    /// The usage-plan keys of those who have none of their own.
    pub shared_keys: SharedKeySettings,
    /// How long after a usage-plan key was made it may be named.
    pub key_settles_after: Duration,
    /// The usage plans, where keys are made for them.
    pub usage_plans: Option<UsagePlans>,
    /// What a newcomer gets.
    pub sign_up_bonus: BonusRule,
    /// The name of the secret that mailboxes are remembered with.
    pub mailbox_key_name: String,
    /// Letters to users.
    pub mail: mail::Settings,
    /// How many requests may wait at once for the generation that they made.
    pub waiting_executions_max: u32,
    /// How many letters a day go to addresses that nobody has shown to be theirs.
    pub letters_to_strangers_per_day: u32,
    /// How many accounts an hour are made from one source.
    pub registrations_per_hour: u32,
    /// What newcomers must solve, if anything.
    pub challenge: Option<ChallengeSettings>,
    /// Whether what may be tried is limited by where it comes from, too.
    pub source_limits: bool,
    /// Who administers the platform.
    pub admin_emails: Vec<Email>,
    /// The published versions of the functions that are rolled out gradually, in the
    /// one function that looks after them.
    pub gradual_versions: Option<Vec<String>>,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// Where the receivers of webhooks may be.
    pub webhook_reach: Reach,
    /// Where the outside reaches the API, `/v1` included; none where only the gateway knows it.
    pub public_url: Option<String>,
}

/// Where a challenge's answers are verified, and what our secret there is called.
#[derive(Clone, Debug)]
pub struct ChallengeSettings {
    /// The verifier.
    pub url: String,
    /// The name of the secret that we show it.
    pub secret_name: String,
}

/// The usage-plan keys that plans share.
#[derive(Clone, Debug)]
pub struct SharedKeySettings {
    /// What their values begin with.
    pub prefix: String,
    /// How many a plan shares.
    pub count: u32,
}

/// Where the provider is, and what its key is called.
#[derive(Clone, Debug)]
pub struct FalSettings {
    /// Its queue API.
    pub queue_url: String,
    /// The keys that sign its webhooks.
    pub jwks_url: String,
    /// The name of the secret that holds our key.
    pub key_name: String,
    /// How many of our jobs it runs at once.
    pub concurrency: u32,
}

/// Where Stripe is, and what its secrets are called.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// Its API.
    pub url: String,
    /// The name of the secret that holds our key.
    pub key_name: String,
    /// The name of the secret that its events are signed with.
    pub webhook_secret_name: String,
}

/// How access tokens are made and checked.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// The JWKS that verifies them.
    pub public_keys: String,
    /// The name of the secret that holds the private keys.
    pub signing_keys_name: String,
}

/// What becomes of jobs whose outcome nobody can find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Give the credits back; a later success is delivered free.
    Refund,
    /// Keep the hold until an operator decides.
    Hold,
}

/// How long jobs may take.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// When a job in the unknown state meets the policy, counted from its creation.
    pub unknown_after: Duration,
    /// What the policy is.
    pub unknown_policy: UnknownPolicy,
    /// When a running job is cancelled at the provider, counted from its start there.
    pub deadline: Duration,
    /// How long a job may wait until the provider takes it, in line or refused
    /// for now, counted from its creation.
    pub submit_patience: Duration,
    /// How long media that cannot be fetched are tried again, counted from when they were made.
    pub media_patience: Duration,
    /// When the provider is left alone.
    pub breaker: BreakerRule,
    /// How many jobs of an author may end in a day, UTC, with their content refused before no more are taken.
    pub content_refusals_per_day: u64,
}
