//! Users, credentials and sessions.

use aws::Fault;
use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, ReturnValue, TransactWriteItem};
use domain::Timestamp;
use domain::accounts::{Email, SIGN_IN_WINDOW, Session, User};
use domain::audit::Record;
use domain::ids::{SessionId, UserId};
use domain::ledger::Booked;

use crate::Store;
use crate::audit::Recorded;
use crate::items::{self, CredentialItem, Item, SessionItem, UserItem, email_key, number, text};
use crate::transact::{Outcome, Reason};

const ATTEMPTS_SORT: &str = "attempts";

/// What a sign-in is checked against.
#[derive(Debug)]
pub struct Credential {
    /// Whose it is.
    pub user: UserId,
    /// The password's hash, in PHC form.
    pub password_hash: String,
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The account exists now.
    Done,
    /// The e-mail had an account before.
    EmailTaken,
    /// Another write was under way: nothing is known, and nothing was written.
    Busy,
}

impl Store {
    /// Makes an account: profile, credential (whose key makes the e-mail unique), session, wallet and bonus, and the
    /// first record of its audit log, all or nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn register(
        &self,
        user: &User,
        password_hash: &str,
        session: &Session,
        bonus: &Booked,
        record: &Record,
    ) -> Result<Registered, Fault> {
        let doing = "registering a user";
        let credential = CredentialItem {
            pk: email_key(&user.email),
            sk: CredentialItem::SORT.to_owned(),
            user_id: user.id.to_string(),
            password_hash: password_hash.to_owned(),
        };
        let mut actions = vec![
            self.put_new_account(items::write(&credential)?)?,
            self.put_new_account(items::write(&UserItem::from(user))?)?,
            self.put_new_account(items::write(&SessionItem::from(session))?)?,
        ];
        actions.extend(self.booking(bonus)?);
        actions.extend(self.recording(record)?);
        match self.transact(doing, actions).await? {
            Outcome::Committed => Ok(Registered::Done),
            Outcome::Busy => Ok(Registered::Busy),
            Outcome::Cancelled(reasons) => match reasons.first() {
                Some(Reason::Condition(_)) => Ok(Registered::EmailTaken),
                Some(Reason::None) | None => Err(Fault::new(doing, "a new id was taken")),
            },
        }
    }

    fn put_new_account(&self, item: Item) -> Result<TransactWriteItem, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.accounts)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(Fault::doing("building a registration"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    async fn account_item(
        &self,
        pk: &str,
        sk: &str,
        doing: &'static str,
    ) -> Result<Option<Item>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        Ok(found.item)
    }

    /// What `email` signs in with, if it has an account.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn credential(&self, email: &Email) -> Result<Option<Credential>, Fault> {
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
        Ok(Some(Credential {
            user,
            password_hash: item.password_hash,
        }))
    }

    /// The user, if there is one.
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

    /// The session, if there is one.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn session(&self, id: &SessionId) -> Result<Option<Session>, Fault> {
        let item = self
            .account_item(id.as_str(), SessionItem::SORT, "reading a session")
            .await?;
        item.map(|item| items::read::<SessionItem>(item)?.try_into())
            .transpose()
    }

    /// A user and a session of theirs, in one read: what the authorizer needs.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn user_and_session(
        &self,
        user: &UserId,
        session: &SessionId,
    ) -> Result<Option<(User, Session)>, Fault> {
        let wanted = [
            (user.as_str(), UserItem::SORT),
            (session.as_str(), SessionItem::SORT),
        ];
        let items = self
            .account_items("reading a user and a session", &wanted)
            .await?;
        let (mut found_user, mut found_session) = (None, None);
        for (sk, item) in items {
            if sk == UserItem::SORT {
                found_user = Some(items::read::<UserItem>(item)?.try_into()?);
            } else {
                found_session = Some(items::read::<SessionItem>(item)?.try_into()?);
            }
        }
        Ok(found_user.zip(found_session))
    }

    /// Those of the `wanted` items that are there, each with its sort key.
    pub(crate) async fn account_items(
        &self,
        doing: &'static str,
        wanted: &[(&str, &str)],
    ) -> Result<Vec<(String, Item)>, Fault> {
        let keys = wanted.iter().map(|(pk, sk)| {
            Item::from([("pk".to_owned(), text(*pk)), ("sk".to_owned(), text(*sk))])
        });
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.collect()))
            .consistent_read(true)
            .build()
            .map_err(Fault::doing(doing))?;
        let found = self
            .client
            .batch_get_item()
            .request_items(&self.tables.accounts, wanted)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        if found.unprocessed_keys.is_some_and(|keys| !keys.is_empty()) {
            return Err(Fault::new(doing, "the database left keys unprocessed"));
        }
        let mut responses = found.responses.unwrap_or_default();
        let items = responses.remove(&self.tables.accounts).unwrap_or_default();
        let with_sort = |item: Item| {
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned();
            Ok((sk.ok_or_else(|| items::broken("sort key"))?, item))
        };
        items.into_iter().map(with_sort).collect()
    }

    /// Begins a new session, with the record of it.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_session(
        &self,
        session: &Session,
        record: Record,
    ) -> Result<Recorded<()>, Fault> {
        let put = self.put_new_account(items::write(&SessionItem::from(session))?)?;
        // Its id is new: if it is there, an earlier try was committed although its answer was lost.
        let sent = self
            .transact_recorded("beginning a session", vec![put], &record)
            .await?;
        Ok(sent.map(|_| ()))
    }

    /// Replaces a session by its next form, if its refresh token is still the one in `before` and it has not ended;
    /// `false` if it was used meanwhile.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn replace_session(&self, before: &Session, next: &Session) -> Result<bool, Fault> {
        let written = self
            .client
            .put_item()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&SessionItem::from(next))?))
            .condition_expression("refresh_digest = :digest AND ended = :no")
            .expression_attribute_values(":digest", text(&before.refresh_digest))
            .expression_attribute_values(
                ":no",
                aws_sdk_dynamodb::types::AttributeValue::Bool(false),
            )
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("rotating a refresh token", error)),
        }
    }

    /// Ends a session, whatever state it is in.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn end_session(&self, id: &SessionId) -> Result<(), Fault> {
        let ended = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(id.as_str()))
            .key("sk", text(SessionItem::SORT))
            .update_expression("SET ended = :yes")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(
                ":yes",
                aws_sdk_dynamodb::types::AttributeValue::Bool(true),
            )
            .send()
            .await;
        match ended {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("ending a session", error)),
        }
    }

    /// Counts one more sign-in that has not succeeded (yet) for `email`, known or not, and says how many there were
    /// in the current window, and when it began.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn count_sign_in(
        &self,
        email: &Email,
        now: Timestamp,
    ) -> Result<(u32, Timestamp), Fault> {
        let doing = "counting a sign-in";
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(email_key(email)))
            .key("sk", text(ATTEMPTS_SORT))
            .return_values(ReturnValue::AllNew);
        let cutoff = number(now.minus(SIGN_IN_WINDOW).ms());
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
            .expression_attribute_values(":ttl", number(now.plus(SIGN_IN_WINDOW).seconds()))
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

    /// Forgets the sign-ins counted for `email`: one succeeded.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn forget_sign_ins(&self, email: &Email) -> Result<(), Fault> {
        self.client
            .delete_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(email_key(email)))
            .key("sk", text(ATTEMPTS_SORT))
            .send()
            .await
            .map_err(Fault::doing("forgetting sign-ins"))?;
        Ok(())
    }
}

/// How often, and since when.
fn read_attempts(item: Option<items::Item>) -> Result<(u32, Timestamp), Fault> {
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

/// Whether a single write failed because its condition was not met.
pub(crate) fn is_condition<E, R>(error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> bool
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    error.as_service_error().and_then(|service| service.code())
        == Some("ConditionalCheckFailedException")
}
