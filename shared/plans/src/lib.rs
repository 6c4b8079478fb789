//! Usage-plan keys, by which API Gateway counts each user's calls. Owns making them, entering them in a
//! plan and deleting them, each of which may be repeated; refuses to know which users get one, and why.

use aws::{Fault, SdkConfig};
use aws_sdk_apigateway::Client;
use aws_sdk_apigateway::config::retry::RetryConfig;
use aws_sdk_apigateway::error::ProvideErrorMetadata;
use domain::Timestamp;
use domain::usage_keys::{UsagePlan, UsagePlans};

/// The most keys that one page of a listing holds: far more than one user ever has.
const PAGE_KEYS_MAX: i32 = 100;

/// A client that makes and deletes keys.
#[derive(Clone, Debug)]
pub struct Plans {
    client: Client,
    plans: UsagePlans,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageKey {
    /// API Gateway's id for it.
    pub id: String,
    /// The value, by which the authorizer names the key.
    pub value: String,
    /// When it was made, to the second.
    pub made_at: Timestamp,
}

/// The result of making a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMade {
    /// It is new.
    New(UsageKey),
    /// It was there before.
    Before(UsageKey),
    /// The account has the most keys that it may (10,000 a Region, which AWS does not raise).
    OutOfStock,
    /// Too many keys were requested within a second (5 an account). Try again later.
    TooFast,
}

impl Plans {
    /// Makes a client for these usage plans. It tries each call once: its callers come back later, and a
    /// retry at once would only use up the account's rate.
    #[must_use]
    pub fn new(config: &SdkConfig, plans: UsagePlans) -> Self {
        let config = aws_sdk_apigateway::config::Builder::from(config)
            .retry_config(RetryConfig::disabled())
            .build();
        Self {
            client: Client::from_conf(config),
            plans,
        }
    }

    /// Makes the key of `owner` with this value at the time `now`. Values are unique: asking again finds
    /// the same key.
    ///
    /// # Errors
    /// A [`Fault`] if it is unknown whether it was made.
    pub async fn make(&self, owner: &str, value: &str, now: Timestamp) -> Result<KeyMade, Fault> {
        let doing = "making a usage-plan key";
        let made = self
            .client
            .create_api_key()
            .name(owner)
            .value(value)
            .enabled(true)
            .send()
            .await;
        let error = match made {
            Ok(made) => {
                let id = made.id.ok_or_else(|| Fault::new(doing, "it has no id"))?;
                return Ok(KeyMade::New(UsageKey {
                    id,
                    value: value.to_owned(),
                    made_at: now,
                }));
            }
            Err(error) => error,
        };
        match error.code() {
            Some("LimitExceededException") => Ok(KeyMade::OutOfStock),
            Some("TooManyRequestsException") => Ok(KeyMade::TooFast),
            Some("ConflictException") => {
                let keys = self.keys_of(owner).await?;
                let before = keys.into_iter().find(|key| key.value == value);
                before
                    .map(KeyMade::Before)
                    .ok_or_else(|| Fault::new(doing, "somebody else's key has its value"))
            }
            Some(_) | None => Err(Fault::new(doing, error)),
        }
    }

    /// Enters a key in the usage plan of its usage. Entering it again changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not entered.
    pub async fn enter(&self, key: &UsageKey, usage: UsagePlan) -> Result<(), Fault> {
        let entered = self
            .client
            .create_usage_plan_key()
            .usage_plan_id(self.plans.of(usage))
            .key_id(&key.id)
            .key_type("API_KEY")
            .send()
            .await;
        match entered {
            Ok(_) => Ok(()),
            // The key is in the plan already: a key is only ever entered in one plan.
            Err(error) if error.code() == Some("ConflictException") => Ok(()),
            Err(error) => Err(Fault::new("entering a key in a usage plan", error)),
        }
    }

    /// Lists every key of `owner`.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be listed.
    pub async fn keys_of(&self, owner: &str) -> Result<Vec<UsageKey>, Fault> {
        let found = self
            .client
            .get_api_keys()
            .name_query(owner)
            .include_values(true)
            .limit(PAGE_KEYS_MAX)
            .send()
            .await
            .map_err(Fault::doing("listing usage-plan keys"))?;
        let keys = found.items.unwrap_or_default().into_iter();
        let own = keys.filter(|key| key.name() == Some(owner));
        let named = own.filter_map(|key| {
            Some(UsageKey {
                id: key.id?,
                value: key.value?,
                made_at: Timestamp::from_ms(key.created_date?.secs().saturating_mul(1_000)),
            })
        });
        Ok(named.collect())
    }

    /// Deletes a key, which also takes it out of its plan. Returns `false` if it was gone.
    ///
    /// # Errors
    /// A [`Fault`] if it was not deleted.
    pub async fn delete(&self, key: &UsageKey) -> Result<bool, Fault> {
        match self.client.delete_api_key().api_key(&key.id).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("NotFoundException") => Ok(false),
            Err(error) => Err(Fault::new("deleting a usage-plan key", error)),
        }
    }
}
