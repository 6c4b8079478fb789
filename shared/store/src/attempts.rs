//! Counts of attempts, each in a window of time that its first one begins.

use aws::Fault;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::Timestamp;
use domain::attempts::Attempt;

use crate::Store;
use crate::accounts::is_condition;
use crate::items::{self, Item, email_key, number, text};

/// The key of an attempt's count.
pub(crate) fn record_key(attempt: Attempt<'_>) -> Item {
    let of_source = |source: &domain::attempts::Source| format!("source#{}", source.as_str());
    let (pk, sk) = match attempt {
        Attempt::SignInAs(email) => (email_key(email), "attempts"),
        Attempt::SignInFrom(source) => (of_source(source), "sign-ins"),
        Attempt::RegisterFrom(source) => (of_source(source), "registrations"),
        Attempt::ResetFrom(source) => (of_source(source), "resets"),
        Attempt::VerifyAgain(user) => (user.to_string(), "verifications"),
        Attempt::MailTo(email) => (email_key(email), "mails"),
    };
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

impl Store {
    /// Counts one more attempt, and says how many there were in the current window, and when it began.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn count(
        &self,
        attempt: Attempt<'_>,
        now: Timestamp,
    ) -> Result<(u32, Timestamp), Fault> {
        let doing = "counting an attempt";
        let window = attempt.limit().window;
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(attempt)))
            .return_values(ReturnValue::AllNew);
        let cutoff = number(now.minus(window).ms());
        let one_more = update
            .clone()
            .update_expression("ADD attempts :one")
            .condition_expression("began_at_ms > :cutoff")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":cutoff", cutoff.clone());
        // Of several firsts at once, one begins the window and the others are counted in it.
        let first = update
            .update_expression("SET attempts = :one, began_at_ms = :now, #ttl = :ttl")
            .condition_expression("attribute_not_exists(began_at_ms) OR began_at_ms <= :cutoff")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.ms()))
            .expression_attribute_values(":ttl", number(now.plus(window).seconds()))
            .expression_attribute_values(":cutoff", cutoff);
        for write in [&one_more, &first, &one_more, &first, &one_more] {
            match write.clone().send().await {
                Ok(counted) => return read_attempts(counted.attributes),
                Err(error) if is_condition(&error) => {}
                Err(error) => return Err(Fault::new(doing, error)),
            }
        }
        Err(Fault::new(doing, "the count keeps being forgotten"))
    }

    /// Takes one attempt back from the count: it was none of those that are limited.
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

    /// Forgets all attempts that were counted together with this one.
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

/// How often, and since when.
fn read_attempts(item: Option<Item>) -> Result<(u32, Timestamp), Fault> {
    let item = item.unwrap_or_default();
    let read = |name: &'static str| {
        let number = item.get(name).and_then(|value| value.as_n().ok());
        number
            .and_then(|number| number.parse::<i64>().ok())
            .ok_or_else(|| items::broken(name))
    };
    let attempts = u32::try_from(read("attempts")?).unwrap_or(u32::MAX);
    Ok((attempts, Timestamp::from_ms(read("began_at_ms")?)))
}
