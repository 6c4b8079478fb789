//! Personal API keys, and what they may still spend.
//!
//! A cap is kept as what remains of it: opening a job takes the cost from it, and what the job's end gives back is put
//! back, both in the transaction that moves the credits. A key that is deleted stays as a revoked record, so
//! that its open jobs can still be ended.

use aws::Fault;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use domain::Timestamp;
use domain::accounts::User;
use domain::api_keys::ApiKey;
use domain::audit::Record;
use domain::credits::Credits;
use domain::ids::{KeyId, UserId};

use crate::Store;
use crate::accounts::is_condition;
use crate::audit::Recorded;
use crate::items::{self, ApiKeyItem, Item, KEY_SORT_PREFIX, UserItem, key_sort, number, text};

/// How long a revoked record is kept at least: far longer than any job takes.
const REVOKED_KEPT: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 60 * 60);
/// How many records one listing reads: every living key and plenty of revoked ones.
const LISTED_MAX: i32 = 200;

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

/// What a job takes from a capped key, or gives back to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpend {
    /// The owner.
    pub user: UserId,
    /// The key.
    pub key: KeyId,
    /// How much.
    pub amount: Credits,
}

impl Store {
    /// Keeps a new key, with the record of it.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_api_key(
        &self,
        key: &ApiKey,
        digest: String,
        record: Record,
    ) -> Result<Recorded<()>, Fault> {
        let doing = "keeping an API key";
        let put = Put::builder()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&ApiKeyItem::new(key, digest))?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(Fault::doing(doing))?;
        let put = TransactWriteItem::builder().put(put).build();
        // Its id is new: if it is there, an earlier try was committed although its answer was lost.
        let sent = self.transact_recorded(doing, vec![put], &record).await?;
        Ok(sent.map(|_| ()))
    }

    /// The user's keys that were not deleted, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn api_keys(&self, user: &UserId) -> Result<Vec<ApiKey>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.accounts)
            .key_condition_expression("pk = :user AND begins_with(sk, :keys)")
            .expression_attribute_values(":user", text(user.as_str()))
            .expression_attribute_values(":keys", text(KEY_SORT_PREFIX))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(LISTED_MAX)
            .send()
            .await
            .map_err(Fault::doing("listing API keys"))?;
        let keys = found.items.unwrap_or_default().into_iter();
        let keys = keys.map(|item| items::read::<ApiKeyItem>(item)?.try_into());
        let keys = keys.collect::<Result<Vec<ApiKey>, Fault>>()?;
        Ok(keys.into_iter().filter(|key| !key.revoked).collect())
    }

    /// A user and a key of theirs, in one read: what the authorizer needs.
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
    pub async fn api_key_used(&self, key: &ApiKey, now: Timestamp) -> Result<(), Fault> {
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

    /// Revokes a key, with the record of it; `false` if the user has none with this id. Revoking it again changes and
    /// records nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn revoke_api_key(
        &self,
        user: &UserId,
        key: &KeyId,
        record: Record,
    ) -> Result<Recorded<bool>, Fault> {
        let doing = "revoking an API key";
        let kept_until = record.at.plus(REVOKED_KEPT);
        let revoked = Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(user, key)))
            .update_expression("SET revoked = :yes, #ttl = :ttl REMOVE #name")
            .condition_expression("attribute_exists(pk) AND revoked = :no")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":yes", AttributeValue::Bool(true))
            .expression_attribute_values(":no", AttributeValue::Bool(false))
            .expression_attribute_values(":ttl", number(kept_until.seconds()))
            .build()
            .map_err(Fault::doing(doing))?;
        let revoked = TransactWriteItem::builder().update(revoked).build();
        let sent = self
            .transact_recorded(doing, vec![revoked], &record)
            .await?;
        Ok(sent.map(|refused| refused.is_none()))
    }

    /// Takes a job's cost from what a key may still spend, on condition that so much remains.
    pub(crate) fn spend_from_key(&self, spend: &KeySpend) -> Result<TransactWriteItem, Fault> {
        let taken = Update::builder()
            .update_expression("SET remaining = remaining - :amount")
            .condition_expression("remaining >= :amount AND revoked = :no")
            .expression_attribute_values(":no", AttributeValue::Bool(false));
        self.key_update(taken, spend)
    }

    /// Puts what a job gives back to what a key may still spend.
    pub(crate) fn give_back_to_key(&self, spend: &KeySpend) -> Result<TransactWriteItem, Fault> {
        let given = Update::builder()
            .update_expression("SET remaining = remaining + :amount")
            .condition_expression("attribute_exists(remaining)");
        self.key_update(given, spend)
    }

    fn key_update(
        &self,
        update: aws_sdk_dynamodb::types::builders::UpdateBuilder,
        spend: &KeySpend,
    ) -> Result<TransactWriteItem, Fault> {
        let update = update
            .table_name(&self.tables.accounts)
            .set_key(Some(record_key(&spend.user, &spend.key)))
            .expression_attribute_values(":amount", number(spend.amount.get()))
            .build()
            .map_err(Fault::doing("building a key's spending"))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

fn record_key(user: &UserId, key: &KeyId) -> Item {
    Item::from([
        ("pk".to_owned(), text(user.as_str())),
        ("sk".to_owned(), text(key_sort(key))),
    ])
}
