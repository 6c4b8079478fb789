//! Users' own usage-plan keys: which users have one, when a user was last seen, and the notes of users
//! whose keys must be checked. A note of a change is written in the transaction that makes it necessary,
//! and is deleted when all of its work is done. Notes of idleness merge, because those of one user have the
//! same time.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, ReturnValue};
use domain::Timestamp;
use domain::accounts::User;
use domain::ids::UserId;
use domain::time::Day;
use domain::usage_keys::{KeyNote, SharedKeys};

use crate::accounts::is_condition;
use crate::items::{
    self, KEY_COUNT, KeyNoteItem, SHARED_KEYS, SharedKeysItem, UserItem, number, text,
};
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Store, System};

impl Store {
    /// Builds the write of a note. Writing the same note again changes nothing.
    pub(crate) fn note_keys(&self, note: &KeyNote) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&KeyNoteItem::from(note))?)))
    }

    /// Lists up to `limit` notes that were due before `until`, oldest first.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn key_notes(
        &self,
        _: System,
        until: Timestamp,
        limit: i32,
    ) -> Result<Vec<KeyNote>, Fault> {
        let found = self
            .client
            .query()
            .table_name(&self.tables.accounts)
            .key_condition_expression("pk = :notes AND sk < :until")
            .expression_attribute_values(":notes", text(KeyNoteItem::KEY))
            .expression_attribute_values(":until", text(KeyNoteItem::sort_at(until)))
            .consistent_read(true)
            .limit(limit)
            .send()
            .await
            .map_err(Fault::doing("listing notes of users' keys"))?;
        let found = found.items.unwrap_or_default().into_iter();
        found
            .map(|item| items::read::<KeyNoteItem>(item)?.try_into())
            .collect()
    }

    /// Moves a note to a later time. Returns the moved note, or `None` if the note was ended or postponed
    /// before. So several workers at one note never turn it into several notes.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written; the note stays as it was.
    pub async fn postpone_key_note(
        &self,
        _: System,
        note: &KeyNote,
        due_at: Timestamp,
    ) -> Result<Option<KeyNote>, Fault> {
        let doing = "postponing a note of a user's keys";
        let later = KeyNote {
            user: note.user.clone(),
            due_at,
        };
        if later == *note {
            return Ok(Some(later));
        }
        let before = KeyNoteItem::from(note);
        let delete = Delete::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(before.pk))
            .key("sk", text(before.sk))
            .condition_expression("attribute_exists(pk)");
        let mut tx = WriteTransaction::new(doing);
        tx.add(Part::KeyNote, delete);
        tx.add(Part::KeyNote, self.note_keys(&later)?);
        match self.commit(tx).await? {
            Commit::Done => Ok(Some(later)),
            Commit::Refused(_) => Ok(None),
            Commit::Busy => Err(Fault::new(doing, "another write to it is under way")),
        }
    }

    /// Deletes a note. Deleting it twice changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn end_key_note(&self, _: System, note: &KeyNote) -> Result<(), Fault> {
        let item = KeyNoteItem::from(note);
        self.client
            .delete_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(item.pk))
            .key("sk", text(item.sk))
            .send()
            .await
            .map_err(Fault::doing("ending a note of a user's keys"))?;
        Ok(())
    }

    /// Writes a note.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn put_key_note(&self, _: System, note: &KeyNote) -> Result<(), Fault> {
        self.client
            .put_item()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&KeyNoteItem::from(note))?))
            .send()
            .await
            .map_err(Fault::doing("leaving a note of a user's keys"))?;
        Ok(())
    }

    /// Records that `user` was seen on `day`. An account that is gone, or was seen on a later day, stays as
    /// it is.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn saw_user(&self, user: &UserId, day: Day) -> Result<(), Fault> {
        let written = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.as_str()))
            .key("sk", text(UserItem::SORT))
            .update_expression("SET seen_on = :day")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(seen_on) OR seen_on < :day)",
            )
            .expression_attribute_values(":day", number(day.number()))
            .send()
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("noting when a user was seen", error)),
        }
    }

    /// Begins a new term of `user`, without a key, unless they were seen meanwhile or their term changed.
    /// The caller must delete the key of the previous term once no request can be counted by it any more.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn give_key_back(&self, _: System, user: &User, now: Timestamp) -> Result<(), Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.id.as_str()))
            .key("sk", text(UserItem::SORT))
            .update_expression("SET plan_since_ms = :now ADD plan_term :one")
            .expression_attribute_values(":now", number(now.ms()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":term", number(user.term.number));
        let update = match user.seen_on {
            Some(day) => update
                .condition_expression("plan_term = :term AND seen_on = :seen")
                .expression_attribute_values(":seen", number(day.number())),
            None => {
                update.condition_expression("plan_term = :term AND attribute_not_exists(seen_on)")
            }
        };
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("giving a user's key back", error)),
        }
    }

    /// Reads the number of shared keys.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn shared_keys(&self) -> Result<SharedKeys, Fault> {
        let wanted = [SHARED_KEYS];
        let found = self
            .account_items("reading which keys are shared", &wanted)
            .await?;
        let item = found.into_iter().next();
        let read = item
            .map(|(_, item)| items::read::<SharedKeysItem>(item))
            .transpose()?;
        Ok(read.map_or(SharedKeys::FIRST, SharedKeys::from))
    }

    /// Records that `count` shared keys for each plan are made now, unless a higher count is recorded.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn shared_keys_made(
        &self,
        _: System,
        count: u32,
        now: Timestamp,
    ) -> Result<(), Fault> {
        let update = "SET made = :count, made_at_ms = :now";
        let now = (":now", number(now.ms()));
        self.note_shared_keys(update, "made", count, Some(now))
            .await
    }

    /// Records that `count` shared keys for each plan are ready for use, unless a higher count is recorded.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn shared_keys_ready(&self, _: System, count: u32) -> Result<(), Fault> {
        self.note_shared_keys("SET ready = :count", "ready", count, None)
            .await
    }

    async fn note_shared_keys(
        &self,
        update: &str,
        counted: &str,
        count: u32,
        with: Option<(&str, AttributeValue)>,
    ) -> Result<(), Fault> {
        let (pk, sk) = SHARED_KEYS;
        let mut write = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .update_expression(update)
            .condition_expression("attribute_not_exists(#counted) OR #counted < :count")
            .expression_attribute_names("#counted", counted)
            .expression_attribute_values(":count", number(count));
        if let Some((name, value)) = with {
            write = write.expression_attribute_values(name, value);
        }
        match write.send().await {
            Ok(_) => Ok(()),
            Err(error) if is_condition(&error) => Ok(()),
            Err(error) => Err(Fault::new("noting which keys are shared", error)),
        }
    }

    /// Records that the key of a term of `user` is ready for use; returns `false` if that term is over, or
    /// the user is gone.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn key_is_ready(&self, _: System, user: &UserId, term: u64) -> Result<bool, Fault> {
        let written = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(user.as_str()))
            .key("sk", text(UserItem::SORT))
            .update_expression("SET keyed_term = :term")
            .condition_expression("plan_term = :term")
            .expression_attribute_values(":term", number(term))
            .send()
            .await;
        match written {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(Fault::new("noting that a user's key is ready", error)),
        }
    }

    /// Counts keys that were made, or deleted (negative), and returns the new count. It is for people to
    /// watch. A worker that is killed between making a key and counting it leaves the count off by one;
    /// nothing depends on it.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn count_keys(&self, _: System, change: i64) -> Result<i64, Fault> {
        let doing = "counting usage-plan keys";
        let (pk, sk) = KEY_COUNT;
        let counted = self
            .client
            .update_item()
            .table_name(&self.tables.accounts)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .update_expression("ADD keys_made :change")
            .expression_attribute_values(":change", number(change))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(Fault::doing(doing))?;
        let count = counted.attributes.and_then(|mut item| {
            let count = item.remove("keys_made")?;
            count.as_n().ok()?.parse().ok()
        });
        count.ok_or_else(|| Fault::new(doing, "it is no number"))
    }
}
