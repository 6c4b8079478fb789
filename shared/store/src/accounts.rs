//! Users and credentials.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{ConditionCheckBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, ReturnValue, Update};
use domain::accounts::{AvatarUrl, Email, FullName, ProfileChange, Session, User};
use domain::audit::AuditRecord;
use domain::bonuses::BonusNote;
use domain::ids::{KeyId, Tenant, UserId};
use domain::plans::Plan;
use domain::usage_keys::KeyNote;
use domain::{Patch, Timestamp};

use crate::items::{self, CredentialItem, Item, SessionItem, UserItem, email_key, number, text};
use crate::reads::keys;
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Recorded, Store};

/// The record that a sign-in is checked against.
#[derive(Debug)]
pub struct PasswordRecord {
    /// The owner.
    pub user: UserId,
    /// The password's hash, in PHC form.
    pub password_hash: String,
    /// The user's era at the time when this password was set.
    pub era: u64,
}

/// The outcome of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The account was created.
    Done,
    /// The e-mail address already had an account.
    EmailTaken,
    /// Another write was under way. Nothing was written, and it is not known whether the address is free.
    Busy,
}

impl Store {
    /// Creates an account, all or nothing: the profile, the credential (its key makes the e-mail address
    /// unique), a session, an empty wallet, the first record of the account's audit log and, if given, the
    /// note of the sign-up bonus.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn register(
        &self,
        user: &User,
        password_hash: &str,
        session: &Session,
        bonus: Option<&BonusNote>,
        record: &AuditRecord,
    ) -> Result<Registered, Fault> {
        let doing = "registering a user";
        let credential = CredentialItem {
            pk: email_key(&user.email),
            sk: CredentialItem::SORT.to_owned(),
            user_id: user.id.to_string(),
            password_hash: password_hash.to_owned(),
            era: user.era,
        };
        let mut tx = WriteTransaction::new(doing);
        tx.add(
            Part::Credential,
            self.put_new_account(items::write(&credential)?),
        );
        tx.add(
            Part::Account,
            self.put_new_account(items::write(&UserItem::from(user))?),
        );
        let session = items::write(&SessionItem::from(session))?;
        tx.add(Part::Session, self.put_new_account(session));
        let tenant = Tenant::User(user.id.clone());
        tx.add(Part::Wallet, self.put_empty_wallet(&tenant)?);
        self.record(&mut tx, record)?;
        if let Some(bonus) = bonus {
            tx.add(Part::BonusNote, self.note_bonus(bonus)?);
        }
        match self.commit(tx).await? {
            Commit::Done => Ok(Registered::Done),
            Commit::Busy => Ok(Registered::Busy),
            Commit::Refused(refused) if refused.has(Part::Credential) => Ok(Registered::EmailTaken),
            Commit::Refused(_) => Err(Fault::new(doing, "a new id was taken")),
        }
    }

    pub(crate) fn put_new_account(&self, item: Item) -> PutBuilder {
        Put::builder()
            .table_name(&self.tables.accounts)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
    }

    /// Builds the condition that the account exists and is not suspended, and that `key`, if given, is one
    /// of its living keys.
    pub(crate) fn check_good_standing(
        &self,
        user: &UserId,
        key: Option<&KeyId>,
    ) -> ConditionCheckBuilder {
        let check = ConditionCheck::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.as_str()))
            .key("sk", text(UserItem::SORT))
            .expression_attribute_values(":no", AttributeValue::Bool(false));
        match key {
            None => check.condition_expression("suspended = :no"),
            Some(key) => check
                .condition_expression("suspended = :no AND contains(api_keys, :key)")
                .expression_attribute_values(":key", text(key.as_str())),
        }
    }

    /// Builds the condition that the account exists, suspended or not.
    pub(crate) fn check_account(&self, user: &UserId) -> ConditionCheckBuilder {
        ConditionCheck::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.as_str()))
            .key("sk", text(UserItem::SORT))
            .condition_expression("attribute_exists(pk)")
    }

    pub(crate) async fn account_item(
        &self,
        pk: &str,
        sk: &str,
        doing: &'static str,
    ) -> Result<Option<Item>, Fault> {
        self.item(doing, &self.tables.accounts, [("pk", pk), ("sk", sk)])
            .await
    }

    /// Reads the credential that `email` signs in with, if it has an account.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn credential(&self, email: &Email) -> Result<Option<PasswordRecord>, Fault> {
        let item = self
            .account_item(
                &email_key(email),
                CredentialItem::SORT,
                "reading a credential",
            )
            .await?;
        let Some(item) = item else { return Ok(None) };
        let item: CredentialItem = items::read(item)?;
        let user = UserId::parse(&item.user_id).ok_or_else(|| items::broken("user_id"))?;
        Ok(Some(PasswordRecord {
            user,
            password_hash: item.password_hash,
            era: item.era,
        }))
    }

    /// Reads a user, if they exist.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn user(&self, id: &UserId) -> Result<Option<User>, Fault> {
        let item = self
            .account_item(id.as_str(), UserItem::SORT, "reading a user")
            .await?;
        item.map(|item| items::read::<UserItem>(item)?.try_into())
            .transpose()
    }

    /// Moves an account to another plan and records it; returns `false` if there is no such account. A new
    /// term of the plan begins, even if the plan is the same, and a note asks for the account's usage-plan
    /// key.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn change_plan(
        &self,
        id: &UserId,
        plan: Plan,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let update = Update::builder()
            .update_expression(
                "SET #plan = :plan, granted_plan = :plan, plan_since_ms = :now, updated_at_ms = :now \
                 ADD plan_term :one",
            )
            .expression_attribute_names("#plan", "plan")
            .expression_attribute_values(":plan", text(plan.as_str()))
            .expression_attribute_values(":one", number(1));
        let note = self.note_keys(&KeyNote {
            user: id.clone(),
            due_at: record.at,
        })?;
        let mut tx = WriteTransaction::new("changing a plan");
        tx.add(Part::KeyNote, note);
        self.change_account(tx, id, update, record).await
    }

    /// Lifts the suspension of an account and records it; returns `false` if there is no such account. An
    /// account is suspended by [`Store::begin_era`].
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn reinstate(
        &self,
        id: &UserId,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let update = Update::builder()
            .update_expression("SET suspended = :no, updated_at_ms = :now")
            .expression_attribute_values(":no", AttributeValue::Bool(false));
        let tx = WriteTransaction::new("reinstating a user");
        self.change_account(tx, id, update, record).await
    }

    /// Records an act on an account that leaves its profile unchanged; returns `false` if there is no such
    /// account.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn record_of_account(
        &self,
        id: &UserId,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let mut tx = WriteTransaction::new("recording an act on an account");
        tx.add(Part::Account, self.check_account(id));
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| written.is_ok()))
    }

    async fn change_account(
        &self,
        mut tx: WriteTransaction,
        id: &UserId,
        update: UpdateBuilder,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let update = update
            .table_name(&self.tables.accounts)
            .key("pk", text(id.as_str()))
            .key("sk", text(UserItem::SORT))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", number(record.at.ms()));
        tx.add(Part::Account, update);
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| written.is_ok()))
    }

    /// Reads those of the `wanted` items that exist, each with its sort key.
    pub(crate) async fn account_items(
        &self,
        doing: &'static str,
        wanted: &[(&str, &str)],
    ) -> Result<Vec<(String, Item)>, Fault> {
        let wanted = wanted.iter().map(|(pk, sk)| {
            Item::from([("pk".to_owned(), text(*pk)), ("sk".to_owned(), text(*sk))])
        });
        let wanted = [(self.tables.accounts.as_str(), keys(wanted))];
        let mut found = self.batch(doing, wanted).await?;
        let items = found.remove(&self.tables.accounts).unwrap_or_default();
        let with_sort = |item: Item| {
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned();
            Ok((sk.ok_or_else(|| items::broken("sort key"))?, item))
        };
        items.into_iter().map(with_sort).collect()
    }

    /// Changes the profile fields that users set themselves. Returns the changed user, or `None` if they
    /// are gone.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn change_profile(
        &self,
        user: &UserId,
        change: &ProfileChange,
        now: Timestamp,
    ) -> Result<Option<User>, Fault> {
        let name = change.full_name.map(FullName::as_str);
        let avatar = change.avatar_url.map(AvatarUrl::as_str);
        let mut update = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.as_str()))
            .key("sk", text(UserItem::SORT))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", number(now.ms()))
            .return_values(ReturnValue::AllNew);
        let (mut set, mut remove) = ("SET updated_at_ms = :now".to_owned(), Vec::new());
        for (attribute, value) in [("full_name", name), ("avatar_url", avatar)] {
            match value {
                Patch::Set(value) => {
                    set.push_str(&format!(", {attribute} = :{attribute}"));
                    update =
                        update.expression_attribute_values(format!(":{attribute}"), text(value));
                }
                Patch::Clear => remove.push(attribute),
                Patch::Keep => {}
            }
        }
        if !remove.is_empty() {
            set.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        match update.update_expression(set).send().await {
            Ok(changed) => {
                let item = changed.attributes.unwrap_or_default();
                items::read::<UserItem>(item)?.try_into().map(Some)
            }
            Err(error) if is_condition(&error) => Ok(None),
            Err(error) => Err(Fault::new("changing a profile", error)),
        }
    }
}

/// Returns whether a single write failed because its condition was not met.
pub(crate) fn is_condition<E, R>(error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> bool
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    error.as_service_error().and_then(|service| service.code())
        == Some("ConditionalCheckFailedException")
}
