//! Which user has a usage-plan key of their own, and the notes of those whose keys must be looked at. A note is written
//! in the transaction that makes it necessary, and ends when everything that it asks for is done.

use aws::Fault;
use aws_sdk_dynamodb::types::{Delete, Put, ReturnValue, TransactWriteItem};
use domain::Timestamp;
use domain::ids::UserId;
use domain::plans::KeyNote;

use crate::accounts::is_condition;
use crate::items::{self, KEY_COUNT, KeyNoteItem, UserItem, number, text};
use crate::transact::Outcome;
use crate::{Store, System};

impl Store {
    /// The write of a note. Writing the same one again changes nothing.
    pub(crate) fn note_keys(&self, note: &KeyNote) -> Result<TransactWriteItem, Fault> {
        let put = Put::builder()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&KeyNoteItem::from(note))?))
            .build()
            .map_err(Fault::doing("building a note of a user's keys"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The notes that were due before `until`, the oldest first.
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

    /// Has a note be due later; the note as it is then, or `None` if it was ended or postponed before. So there are never
    /// more notes than were written, however often one is worked on at once.
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
            .condition_expression("attribute_exists(pk)")
            .build()
            .map_err(Fault::doing(doing))?;
        let actions = vec![
            TransactWriteItem::builder().delete(delete).build(),
            self.note_keys(&later)?,
        ];
        match self.transact(doing, actions).await? {
            Outcome::Committed => Ok(Some(later)),
            Outcome::Cancelled(_) => Ok(None),
            Outcome::Busy => Err(Fault::new(doing, "another write to it is under way")),
        }
    }

    /// Ends a note. Ending it twice changes nothing.
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

    /// Notes that the key of a term of `user` is ready to be named; `false` if that term is over, or the user gone.
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

    /// Counts keys that were made, or deleted (negative); how many there are then. For people to watch: a worker that is
    /// killed between a key and its count leaves it off by one, and nothing is decided by it.
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
