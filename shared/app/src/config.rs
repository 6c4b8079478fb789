//! The settings of every use case, as `template.yaml` gives them. Owns their shape. Refuses to read the
//! environment: the `entry` crate does, and names everything that is missing.

use std::time::Duration;

use blobs::Buckets;
use domain::accounts::Email;
use domain::bonuses::BonusRule;
use domain::breaker::BreakerRule;
use domain::generations::Retention;
use domain::plans::ByPlan;
use domain::usage_keys::UsagePlans;
use queue::Queues;
use receivers::Reach;
use store::Tables;

/// Every setting.
#[derive(Clone, Debug)]
pub struct Config {
    /// The function's name.
    pub function: String,
    /// The namespace of its measurements in CloudWatch. Each stack has its own: otherwise the alarms of one
    /// would ring for the other.
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
    /// The most bytes of uploads that a user may have.
    pub upload_bytes_max: ByPlan<u64>,
    /// The time for which media are kept.
    pub retention: ByPlan<Retention>,
    /// The usage-plan keys of users who have none of their own.
    pub shared_keys: SharedKeySettings,
    /// The time after which a new usage-plan key may be used.
    pub key_settles_after: Duration,
    /// The usage plans, in the function that makes keys for them.
    pub usage_plans: Option<UsagePlans>,
    /// The credits that a newcomer gets.
    pub sign_up_bonus: BonusRule,
    /// The name of the secret that digests mailboxes.
    pub mailbox_key_name: String,
    /// Letters to users.
    pub mail: mail::MailSettings,
    /// The most requests that may wait at once for the generation that they made.
    pub waiting_executions_max: u32,
    /// The most letters a day to addresses that are not verified.
    pub letters_to_strangers_per_day: u32,
    /// The most accounts that are made from one source in an hour.
    pub registrations_per_hour: u32,
    /// The challenge that newcomers must solve, if there is one.
    pub challenge: Option<ChallengeSettings>,
    /// Whether attempts are also limited by their source.
    pub source_limits: bool,
    /// The e-mails of the platform's admins.
    pub admin_emails: Vec<Email>,
    /// The published versions of the functions that are rolled out gradually, in the one function that
    /// looks after them.
    pub gradual_versions: Option<Vec<String>>,
    /// Origins that browsers may call from.
    pub cors_origins: Vec<String>,
    /// The addresses that receivers of webhooks may have.
    pub webhook_reach: Reach,
    /// The API's address from outside, `/v1` included; `None` where only the gateway knows it.
    pub public_url: Option<String>,
}

/// The verifier of a challenge's answers, and the name of our secret there.
#[derive(Clone, Debug)]
pub struct ChallengeSettings {
    /// The verifier.
    pub url: String,
    /// The name of the secret that we send it.
    pub secret_name: String,
}

/// The usage-plan keys that plans share.
#[derive(Clone, Debug)]
pub struct SharedKeySettings {
    /// The prefix of their values.
    pub prefix: String,
    /// The number of keys that a plan shares.
    pub count: u32,
}

/// The provider's addresses, and the name of our key there.
#[derive(Clone, Debug)]
pub struct FalSettings {
    /// Its queue API.
    pub queue_url: String,
    /// The keys that sign its webhooks.
    pub jwks_url: String,
    /// The name of the secret that holds our key.
    pub key_name: String,
    /// The number of our jobs that it runs at once.
    pub concurrency: u32,
}

/// Stripe's address, and the names of its secrets.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// Its API.
    pub url: String,
    /// The name of the secret that holds our key.
    pub key_name: String,
    /// The name of the secret that its events are signed with.
    pub webhook_secret_name: String,
}

/// The settings for making and checking access tokens.
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

/// The treatment of jobs whose outcome cannot be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownPolicy {
    /// Give the credits back; a later success is delivered free.
    Refund,
    /// Keep the hold until an operator decides.
    Hold,
}

/// The limits and rules for jobs.
#[derive(Clone, Debug)]
pub struct JobSettings {
    /// The time after its creation at which the policy is applied to a job in the unknown state.
    pub unknown_after: Duration,
    /// The policy for such a job.
    pub unknown_policy: UnknownPolicy,
    /// The time after its start at the provider at which a running job is cancelled there.
    pub deadline: Duration,
    /// The time after its creation for which a job may wait until the provider takes it, in line or refused
    /// for now.
    pub submit_patience: Duration,
    /// The time after they were made for which media that cannot be fetched are tried again.
    pub media_patience: Duration,
    /// The rule for leaving the provider alone.
    pub breaker: BreakerRule,
    /// The number of an author's jobs that may end in a day, UTC, with their content refused. Then no more
    /// are accepted.
    pub content_refusals_per_day: u64,
}
