//! Personal API keys, and the credits that they may still spend.
//!
//! The owner's profile alone says which keys live. It holds their ids in a set of at most twenty, so one
//! write can count, extend or empty the set, and dead keys can never crowd out a living one. A cap is
//! stored as the credits that remain of it, with the period that they remain in. Opening a job takes the
//! cost from them, and the end of the job puts unused credits back; each happens in the transaction that
//! moves the credits. The record of a dead key is kept for a while, so that its open jobs can still end.

use std::time::Duration;

use aws::Fault;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, Update};
use domain::Timestamp;
use domain::accounts::User;
use domain::api_keys::{ApiKey, CapPeriod, KEYS_MAX};
use domain::audit::AuditRecord;
use domain::credits::Credits;
use domain::ids::{KeyId, UserId};

use crate::Store;
use crate::accounts::is_condition;
use crate::audit::Recorded;
use crate::items::{self, ApiKeyItem, Item, UserItem, key_sort, number, text};
use crate::transact::{Part, WriteTransaction};

/// The minimum time for which the record of a dead key is kept: far longer than any job takes.
const DEAD_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The update to the record of a key that dies.
const DIES: &str = "SET #ttl = :ttl REMOVE #name";

/// The outcome of storing a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPut {
    /// The key was stored, and lives.
    Done,
    /// The user has as many keys as they may have.
    Full,
    /// The era of the caller's session is over, or the account is suspended or gone.
    SessionEnded,
}

/// A key, its owner, and the digest of its secret.
#[derive(Debug)]
pub struct KnownKey {
    /// The owner.
    pub user: User,
    /// The key.
    pub key: ApiKey,
    /// SHA-256 (hexadecimal) of the secret.
    pub digest: String,
}

/// The credits that a job gives back to the capped key that it was opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyReturn {
    /// The owner.
    pub(crate) user: UserId,
    /// The key.
    pub(crate) key: KeyId,
    /// The credits.
    pub(crate) amount: Credits,
    /// The time at which they were taken. They are given back only within that period of the cap.
    pub(crate) taken_at: Timestamp,
}

impl Store {
    /// Stores a new key of `owner` and records it, if they may have one more and their era is still the one
    /// that they were read with. So an ended session cannot create a key, although the authorizer may still
    /// let it in.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_api_key(
        &self,
        owner: &User,
        key: &ApiKey,
        digest: String,
        record: AuditRecord,
    ) -> Result<Recorded<KeyPut>, Fault> {
        let mut tx = WriteTransaction::new("keeping an API key");
        let record_of_key = Put::builder()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&ApiKeyItem::new(key, digest))?));
        tx.add(Part::ApiKey, record_of_key);
        let named = Update::builder()
            .update_expression("ADD api_keys :key")
            .condition_expression(
                "era = :era AND suspended = :no \
                 AND (attribute_not_exists(api_keys) OR size(api_keys) < :max OR contains(api_keys, :id))",
            )
            .expression_attribute_values(":id", text(key.id.as_str()))
            .expression_attribute_values(":era", number(owner.era))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":max", number(KEYS_MAX))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        tx.add(Part::Account, self.living_keys(named, &key.user, &key.id));
        let sent = self.commit_recorded(tx, &record).await?;
        sent.try_map(|written| {
            let Err(mut refused) = written else {
                return Ok(KeyPut::Done);
            };
            let Some(profile) = refused.item(Part::Account) else {
                return Ok(KeyPut::SessionEnded);
            };
            let now: User = items::read::<UserItem>(profile)?.try_into()?;
            Ok(if now.era == owner.era && !now.suspended {
                KeyPut::Full
            } else {
                KeyPut::SessionEnded
            })
        })
    }

    /// Lists the user's living keys, newest first. It reads the profile, then all keys that the profile
    /// names in one batch.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn api_keys(&self, user: &UserId) -> Result<Vec<ApiKey>, Fault> {
        let doing = "listing API keys";
        let Some(owner) = self.user(user).await? else {
            return Ok(Vec::new());
        };
        if owner.api_keys.is_empty() {
            return Ok(Vec::new());
        }
        let sorts: Vec<String> = owner.api_keys.iter().map(key_sort).collect();
        let wanted: Vec<_> = sorts
            .iter()
            .map(|sort| (user.as_str(), sort.as_str()))
            .collect();
        let found = self.account_items(doing, &wanted).await?.into_iter();
        let keys = found.map(|(_, item)| items::read::<ApiKeyItem>(item)?.try_into());
        let mut keys = keys.collect::<Result<Vec<ApiKey>, Fault>>()?;
        keys.sort_by(|one, other| other.id.cmp(&one.id));
        Ok(keys)
    }

    /// Reads a user and one of their keys in one read, for the authorizer.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn user_and_api_key(
        &self,
        user: &UserId,
        key: &KeyId,
    ) -> Result<Option<KnownKey>, Fault> {
        let sort = key_sort(key);
        let wanted = [(user.as_str(), UserItem::SORT), (user.as_str(), &sort)];
        let items = self
            .account_items("reading a user and an API key", &wanted)
            .await?;
        let (mut found_user, mut found_key) = (None, None);
        for (sk, item) in items {
            if sk == UserItem::SORT {
                found_user = Some(items::read::<UserItem>(item)?.try_into()?);
            } else {
                found_key = Some(items::read::<ApiKeyItem>(item)?);
            }
        }
        let Some((user, item)) = found_user.zip(found_key) else {
            return Ok(None);
        };
        Ok(Some(KnownKey {
            user,
            digest: item.digest.clone(),
            key: item.try_into()?,
        }))
    }

    /// Notes that a key was used.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn touch_api_key(&self, key: &ApiKey, now: Timestamp) -> Result<(), Fault> {
        let noted = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(&key.user, &key.id)))
            .update_expression("SET last_used_at_ms = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", number(now.ms()))
            .send()
            .await;
        match noted {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("noting that an API key was used", error)),
        }
    }

    /// Ends a key and records it; returns `false` if the user has no living key with this id. Ending it
    /// again changes and records nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn end_api_key(
        &self,
        user: &UserId,
        key: &KeyId,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let unnamed = Update::builder()
            .update_expression("DELETE api_keys :key")
            .condition_expression("contains(api_keys, :id)")
            .expression_attribute_values(":id", text(key.as_str()));
        let dead = dead_record(record.at)
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(user, key)));
        let mut tx = WriteTransaction::new("ending an API key");
        tx.add(Part::Account, self.living_keys(unnamed, user, key));
        tx.add(Part::ApiKey, dead);
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| written.is_ok()))
    }

    /// Lets the database expire the record of a key that no profile names any more. The key is dead even
    /// without this.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn forget_api_key(
        &self,
        user: &UserId,
        key: &KeyId,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let kept_until = now.plus(DEAD_KEPT);
        let forgotten = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(user, key)))
            .update_expression(DIES)
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":ttl", number(kept_until.seconds()))
            .send()
            .await;
        match forgotten {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("forgetting an API key", error)),
        }
    }

    /// Completes an update of the set of a user's living keys; `:key` is the set that holds this one.
    fn living_keys(&self, update: UpdateBuilder, user: &UserId, key: &KeyId) -> UpdateBuilder {
        update
            .table_name(&self.tables.accounts)
            .key("pk", text(user.as_str()))
            .key("sk", text(UserItem::SORT))
            .expression_attribute_values(":key", AttributeValue::Ss(vec![key.to_string()]))
    }

    /// Reads one of the user's keys again.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn api_key(&self, user: &UserId, key: &KeyId) -> Result<Option<ApiKey>, Fault> {
        let wanted = [(user.as_str(), &*key_sort(key))];
        let found = self.account_items("reading an API key", &wanted).await?;
        let item = found.into_iter().next().map(|(_, item)| item);
        item.map(|item| items::read::<ApiKeyItem>(item)?.try_into())
            .transpose()
    }

    /// Builds the update that takes `amount` from the credits that a capped key may still spend, on
    /// condition that as many remain in the period of `now`. The first amount taken in a period begins the
    /// period. If the key is watched, the remainder must also be unchanged since it was read.
    pub(crate) fn spend_from_key(
        &self,
        key: &ApiKey,
        amount: Credits,
        now: Timestamp,
        is_watched: bool,
    ) -> UpdateBuilder {
        let update = Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(&key.user, &key.id)));
        let left = key.left(now).unwrap_or(Credits::ZERO).get();
        let least = amount.get();
        let (least, most) = if is_watched {
            (left.max(least), left.max(least))
        } else {
            (least, Credits::MAX.get())
        };
        let period = key.request.cap.and_then(|cap| cap.period.at(now));
        let Some(period) = period else {
            return update
                .update_expression("SET remaining = remaining - :amount")
                .condition_expression(
                    "remaining BETWEEN :least AND :most AND attribute_not_exists(counted_in)",
                )
                .expression_attribute_values(":amount", number(amount.get()))
                .expression_attribute_values(":least", number(least))
                .expression_attribute_values(":most", number(most));
        };
        let update = update.expression_attribute_values(":period", text(period));
        if key.is_counted_in(now) {
            return update
                .update_expression("SET remaining = remaining - :amount")
                .condition_expression("remaining BETWEEN :least AND :most AND counted_in = :period")
                .expression_attribute_values(":amount", number(amount.get()))
                .expression_attribute_values(":least", number(least))
                .expression_attribute_values(":most", number(most));
        }
        let cap = key.request.cap.map_or(0, |cap| cap.credits.get());
        update
            .update_expression("SET remaining = :remaining, counted_in = :period")
            .condition_expression(
                "credit_cap >= :amount AND (attribute_not_exists(counted_in) OR counted_in < :period)",
            )
            .expression_attribute_values(":amount", number(amount.get()))
            .expression_attribute_values(":remaining", number(cap - amount.get()))
    }

    /// Builds the update that gives a job's credits back to a key, on condition that the key still counts
    /// in the same period.
    pub(crate) fn give_back_to_key(&self, back: &KeyReturn) -> UpdateBuilder {
        let [month, day] = [CapPeriod::Month, CapPeriod::Day].map(|period| {
            let name = period.at(back.taken_at);
            text(name.unwrap_or_default())
        });
        Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(&back.user, &back.key)))
            .update_expression("SET remaining = remaining + :amount")
            .condition_expression(
                "attribute_exists(remaining) \
                 AND (attribute_not_exists(counted_in) OR counted_in IN (:month, :day))",
            )
            .expression_attribute_values(":amount", number(back.amount.get()))
            .expression_attribute_values(":month", month)
            .expression_attribute_values(":day", day)
    }
}

pub(crate) fn record_key(user: &UserId, key: &KeyId) -> Item {
    Item::from([
        ("pk".to_owned(), text(user.as_str())),
        ("sk".to_owned(), text(key_sort(key))),
    ])
}

fn dead_record(now: Timestamp) -> UpdateBuilder {
    Update::builder()
        .update_expression(DIES)
        .expression_attribute_names("#ttl", "ttl")
        .expression_attribute_names("#name", "name")
        .expression_attribute_values(":ttl", number(now.plus(DEAD_KEPT).seconds()))
}
