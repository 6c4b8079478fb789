//! Sessions, and the eras that end all sessions of a user at once.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Update};
use domain::Timestamp;
use domain::accounts::{MailedToken, Session, User};
use domain::audit::AuditRecord;
use domain::bonuses::BonusNote;
use domain::ids::{SessionId, UserId};

use crate::accounts::is_condition;
use crate::items::{
    self, CredentialItem, SESSION_SORT_PREFIX, SessionItem, UserItem, email_key, number,
    session_sort, text,
};
use crate::overwrite::Overwrite;
use crate::transact::{Part, WriteTransaction};
use crate::{Recorded, Store};

/// The number of sessions that are read when the oldest are ended. It covers the sessions that may live,
/// and more than can begin meanwhile.
const LOOKED_AT_MAX: i32 = 200;

/// The changes that come with a new era.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewEra<'a> {
    /// The hash of a new password.
    pub password_hash: Option<&'a str>,
    /// The one session that stays alive.
    pub keep: Option<&'a SessionId>,
    /// The mailed token that authorises this. It is used up. It proves that the mailbox is the user's, so
    /// their e-mail address is verified, too.
    pub token: Option<&'a MailedToken>,
    /// The sign-up bonus that becomes due by that.
    pub bonus: Option<&'a BonusNote>,
    /// Whether every personal API key ends, too.
    pub ends_keys: bool,
    /// Whether the account is suspended.
    pub is_suspension: bool,
}

impl Store {
    /// Reads a user and one of their sessions in one read, for the authorizer.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn user_and_session(
        &self,
        user: &UserId,
        session: &SessionId,
    ) -> Result<Option<(User, Session)>, Fault> {
        let sort = session_sort(session);
        let wanted = [(user.as_str(), UserItem::SORT), (user.as_str(), &sort)];
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

    /// Begins a new session and records it.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_session(
        &self,
        session: &Session,
        record: AuditRecord,
    ) -> Result<Recorded<()>, Fault> {
        let put = self.put_new_account(items::write(&SessionItem::from(session))?);
        let mut tx = WriteTransaction::new("beginning a session");
        tx.add(Part::Session, put);
        let sent = self.commit_recorded(tx, &record).await?;
        // The session's id is new. If it exists, an earlier attempt was committed, but its answer was lost.
        Ok(sent.map(|_| ()))
    }

    /// Replaces a session by its next form, if its refresh token and era are still those of `before` and it
    /// has not ended; returns `false` otherwise.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn replace_session(&self, before: &Session, next: &Session) -> Result<bool, Fault> {
        let write = Overwrite::by(["pk", "sk"], &SessionItem::from(next))?;
        let written = write
            .alone(self, &self.tables.accounts)
            .condition_expression("refresh_digest = :digest AND era = :era")
            .expression_attribute_values(":digest", text(&before.refresh_digest))
            .expression_attribute_values(":era", number(before.era))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("rotating a refresh token", error)),
        }
    }

    /// Ends a session. Ending it again changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn end_session(&self, user: &UserId, id: &SessionId) -> Result<(), Fault> {
        self.end_session_at(user, session_sort(id)).await
    }

    /// Ends a session because its owner signs out, and records it. If the session has ended already,
    /// nothing is changed or recorded.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn sign_out(
        &self,
        user: &UserId,
        id: &SessionId,
        record: AuditRecord,
    ) -> Result<Recorded<()>, Fault> {
        let delete = Delete::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.as_str()))
            .key("sk", text(session_sort(id)))
            .condition_expression("attribute_exists(pk)");
        let mut tx = WriteTransaction::new("signing out");
        tx.add(Part::Session, delete);
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|_| ()))
    }

    async fn end_session_at(&self, user: &UserId, sort: String) -> Result<(), Fault> {
        self.client
            .delete_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.as_str()))
            .key("sk", text(sort))
            .send()
            .await
            .map_err(Fault::doing("ending a session"))?;
        Ok(())
    }

    /// Ends all sessions of `user` except the newest `kept`. If every caller first begins its session and
    /// then calls this, the limit holds however many sessions begin at once, because the last caller sees
    /// them all.
    ///
    /// # Errors
    /// A [`Fault`] if it was not done.
    pub async fn end_oldest_sessions(&self, user: &UserId, kept: usize) -> Result<(), Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.accounts)
            .key_condition_expression("pk = :user AND begins_with(sk, :sessions)")
            .expression_attribute_values(":user", text(user.as_str()))
            .expression_attribute_values(":sessions", text(SESSION_SORT_PREFIX))
            .projection_expression("sk")
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(LOOKED_AT_MAX)
            .send()
            .await
            .map_err(Fault::doing("counting sessions"))?;
        for item in found.items.unwrap_or_default().into_iter().skip(kept) {
            let sort = item.get("sk").and_then(|sk| sk.as_s().ok());
            let sort = sort.ok_or_else(|| items::broken("sort key"))?;
            self.end_session_at(user, sort.clone()).await?;
        }
        Ok(())
    }

    /// Begins the next era of `user`, all or nothing, on condition that the present era is the one in
    /// `user`. This ends every session except the one to keep, and every API key if asked to, and records
    /// why. Returns `false`, with nothing written, if another era began before, if the session to keep has
    /// ended, or if the token was used before.
    ///
    /// # Errors
    /// A [`Fault`] if it could not be written.
    pub async fn begin_era(
        &self,
        user: &User,
        new: NewEra<'_>,
        record: AuditRecord,
    ) -> Result<Recorded<bool>, Fault> {
        let now = record.at;
        let next = |update: UpdateBuilder, pk: &str, sk: &str| {
            update
                .table_name(&self.tables.accounts)
                .key("pk", text(pk))
                .key("sk", text(sk))
                .condition_expression("era = :era")
                .expression_attribute_values(":era", number(user.era))
                .expression_attribute_values(":next", number(user.era + 1))
        };
        let id = user.id.as_str();
        let credential = match new.password_hash {
            Some(hash) => Update::builder()
                .update_expression("SET era = :next, password_hash = :hash")
                .expression_attribute_values(":hash", text(hash)),
            None => Update::builder().update_expression("SET era = :next"),
        };
        let credential = next(credential, &email_key(&user.email), CredentialItem::SORT);
        let mut tx = WriteTransaction::new("ending every session");
        tx.add(Part::Account, next(profile(&new, now), id, UserItem::SORT));
        tx.add(Part::Credential, credential);
        if let Some(keep) = new.keep {
            let session = Update::builder().update_expression("SET era = :next");
            tx.add(Part::Session, next(session, id, &session_sort(keep)));
        }
        if let Some(token) = new.token {
            tx.add(Part::MailedToken, self.use_up(token, now));
        }
        if let Some(bonus) = new.bonus {
            tx.add(Part::BonusNote, self.note_bonus(bonus)?);
        }
        let sent = self.commit_recorded(tx, &record).await?;
        Ok(sent.map(|written| written.is_ok()))
    }
}

/// Builds the changes that a new era makes to the profile.
fn profile(new: &NewEra<'_>, now: Timestamp) -> UpdateBuilder {
    let mut changes = "SET era = :next, updated_at_ms = :now".to_owned();
    let mut update = Update::builder().expression_attribute_values(":now", number(now.ms()));
    if new.token.is_some() {
        changes.push_str(", email_verified = :yes");
    }
    if new.is_suspension {
        changes.push_str(", suspended = :yes");
    }
    if new.token.is_some() || new.is_suspension {
        update = update.expression_attribute_values(":yes", AttributeValue::Bool(true));
    }
    if new.ends_keys {
        changes.push_str(" REMOVE api_keys");
    }
    update.update_expression(changes)
}
