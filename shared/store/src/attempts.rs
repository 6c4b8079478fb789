//! Counts of attempts. Each count has a window of time, which its first attempt begins.

use aws::Fault;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::Timestamp;
use domain::accounts::Email;
use domain::attempts::{Attempt, SOURCE_KNOWN, Source};

use crate::Store;
use crate::accounts::is_condition;
use crate::items::{self, Item, email_key, mailbox_key, number, text};

/// The prefix of the sort keys of everything that is kept about the sign-ins of an e-mail address.
const SIGN_INS_PREFIX: &str = "sign-ins#";
/// The prefix of the sort keys of sources that an e-mail address was signed in from.
const SOURCES_PREFIX: &str = "sign-ins#known#";
/// The sort key of the count of all sources together.
const SIGN_INS_ANYWHERE: &str = "sign-ins#anywhere";
/// The number of items of an e-mail address that are dropped at once. The limit for all sources together
/// allows no more sources than this.
const DROPPED_MAX: i32 = 200;

/// Returns the key of the item that counts an attempt.
pub(crate) fn record_key(attempt: Attempt<'_>) -> Item {
    let of_source = |source: &Source| format!("source#{}", source.as_str());
    let (pk, sk) = match attempt {
        Attempt::SignInAs(email, source) => (
            email_key(email),
            &*format!("{SIGN_INS_PREFIX}from#{}", source.as_str()),
        ),
        Attempt::SignInAnywhere(email) => (email_key(email), SIGN_INS_ANYWHERE),
        Attempt::PasswordCheck(user) => (user.to_string(), "password-checks"),
        Attempt::SignInFrom(source) => (of_source(source), "sign-ins"),
        Attempt::RegisterFrom(source, _) => (of_source(source), "registrations"),
        Attempt::ResetFrom(source) => (of_source(source), "resets"),
        Attempt::VerifyAgain(user) => (user.to_string(), "verifications"),
        Attempt::Invite(user) => (user.to_string(), "invitations"),
        Attempt::Warn(user) => (user.to_string(), "warnings"),
        Attempt::MailTo(digest) => (mailbox_key(digest).0, "letters"),
        Attempt::MailToStranger(digest) => (mailbox_key(digest).0, "letters-to-stranger"),
        Attempt::MailToStrangers(_) => ("letters".to_owned(), "to-strangers"),
        Attempt::Wait(_) => ("waits".to_owned(), "generations"),
    };
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

/// The outcome of counting an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountOutcome {
    /// The attempt is within the limit, and was counted.
    Within,
    /// The attempt would be one too many, and was not counted.
    Full {
        /// The time at which the window began.
        began_at: Timestamp,
        /// The time of the last attempt that was counted.
        last_at: Timestamp,
    },
}

impl Store {
    /// Counts one more attempt, unless the current window is full.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn count(&self, attempt: Attempt<'_>, now: Timestamp) -> Result<CountOutcome, Fault> {
        let doing = "counting an attempt";
        let limit = attempt.limit();
        let cutoff = now.minus(limit.window);
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(attempt)))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.ms()))
            .expression_attribute_values(":cutoff", number(cutoff.ms()))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(now.plus(limit.window).seconds()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let counted = update
            .clone()
            .update_expression(
                "SET last_at_ms = :now, began_at_ms = if_not_exists(began_at_ms, :now), #ttl = if_not_exists(#ttl, :ttl) \
                 ADD attempts :one",
            )
            .condition_expression(
                "attribute_not_exists(began_at_ms) OR (began_at_ms > :cutoff AND attempts < :most)",
            )
            .expression_attribute_values(":most", number(limit.most));
        // Of several attempts that are first in a new window, one begins it and the others are counted in
        // it.
        let anew = update
            .update_expression(
                "SET attempts = :one, began_at_ms = :now, last_at_ms = :now, #ttl = :ttl",
            )
            .condition_expression("began_at_ms <= :cutoff");
        for write in [&counted, &anew, &counted, &anew, &counted] {
            let error = match write.clone().send().await {
                Ok(_) => return Ok(CountOutcome::Within),
                Err(error) => error,
            };
            let Some(UpdateItemError::ConditionalCheckFailedException(failed)) =
                error.as_service_error()
            else {
                return Err(Fault::new(doing, error));
            };
            let Some(count) = failed.item() else { continue };
            let (began_at, last_at) = (read(count, "began_at_ms")?, read(count, "last_at_ms")?);
            let (began_at, last_at) = (Timestamp::from_ms(began_at), Timestamp::from_ms(last_at));
            if began_at > cutoff && read(count, "attempts")? >= i64::from(limit.most) {
                return Ok(CountOutcome::Full { began_at, last_at });
            }
        }
        Err(Fault::new(doing, "the count keeps being forgotten"))
    }

    /// Takes an attempt back from its count, because it was not of the kind that is limited.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn take_back(&self, attempt: Attempt<'_>) -> Result<(), Fault> {
        let taken = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(attempt)))
            .update_expression("ADD attempts :less")
            .condition_expression("attempts > :zero")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":zero", number(0))
            .send()
            .await;
        match taken {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("taking an attempt back", error)),
        }
    }

    /// Remembers that the owner of `email` signed in from `source`.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn know_source(
        &self,
        email: &Email,
        source: &Source,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let until = now.plus(SOURCE_KNOWN);
        self.client
            .update_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(source_key(email, source)))
            .update_expression("SET until_ms = :until, #ttl = :ttl")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":until", number(until.ms()))
            .expression_attribute_values(":ttl", number(until.seconds()))
            .send()
            .await
            .map_err(Fault::doing("remembering a source"))?;
        Ok(())
    }

    /// Returns whether the owner of `email` signed in from `source` within the time that sources are known
    /// for.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn knows_source(
        &self,
        email: &Email,
        source: &Source,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(source_key(email, source)))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading whether a source is known"))?;
        match found.item {
            Some(item) => Ok(now.ms() < read(&item, "until_ms")?),
            None => Ok(false),
        }
    }

    /// Deletes every count and every known source of an e-mail address's sign-ins.
    ///
    /// # Errors
    /// A [`Fault`] if it was not done; some of it may have been.
    pub async fn forget_sign_ins(&self, email: &Email) -> Result<(), Fault> {
        self.drop_sign_ins(email, |_| true).await
    }

    /// Deletes the counts of an e-mail address's sign-ins, from all sources. Known sources stay known.
    ///
    /// # Errors
    /// A [`Fault`] if it was not done; some of it may have been.
    pub async fn forget_failures(&self, email: &Email) -> Result<(), Fault> {
        let is_count = |sort: &str| !sort.starts_with(SOURCES_PREFIX);
        self.drop_sign_ins(email, is_count).await
    }

    async fn drop_sign_ins(
        &self,
        email: &Email,
        is_dropped: impl Fn(&str) -> bool,
    ) -> Result<(), Fault> {
        let doing = "forgetting an e-mail's sign-ins";
        let found = self
            .client
            .query()
            .table_name(&self.tables.accounts)
            .key_condition_expression("pk = :email AND begins_with(sk, :sign_ins)")
            .expression_attribute_values(":email", text(email_key(email)))
            .expression_attribute_values(":sign_ins", text(SIGN_INS_PREFIX))
            .projection_expression("pk, sk")
            .consistent_read(true)
            .limit(DROPPED_MAX)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let mut keys = found.items.unwrap_or_default();
        keys.retain(|key| {
            let sort = key.get("sk").and_then(|sort| sort.as_s().ok());
            sort.is_some_and(|sort| is_dropped(sort))
        });
        let deletions = keys.into_iter().map(|key| {
            self.client
                .delete_item()
                .table_name(&self.tables.accounts)
                .set_key(Some(key))
                .send()
        });
        futures::future::try_join_all(deletions)
            .await
            .map_err(Fault::doing(doing))?;
        Ok(())
    }

    /// Deletes the count that this attempt belongs to.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn forget(&self, attempt: Attempt<'_>) -> Result<(), Fault> {
        self.client
            .delete_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(attempt)))
            .send()
            .await
            .map_err(Fault::doing("forgetting attempts"))?;
        Ok(())
    }
}

fn source_key(email: &Email, source: &Source) -> Item {
    let sk = format!("{SOURCES_PREFIX}{}", source.as_str());
    Item::from([
        ("pk".to_owned(), text(email_key(email))),
        ("sk".to_owned(), text(sk)),
    ])
}

fn read(count: &Item, name: &'static str) -> Result<i64, Fault> {
    let number = count.get(name).and_then(|value| value.as_n().ok());
    number
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| items::broken(name))
}
