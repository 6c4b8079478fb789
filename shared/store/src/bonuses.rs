//! Sign-up bonuses: the notes of bonuses that are due, and the booking of one. A mailbox gets one bonus,
//! ever, and a day gives no more bonuses than the operator allows; the transaction that books a bonus
//! ensures both.

use std::time::Duration;

use aws::Fault;
use aws_sdk_dynamodb::types::builders::{DeleteBuilder, PutBuilder, UpdateBuilder};
use aws_sdk_dynamodb::types::{Delete, Put, Update};
use domain::bonuses::BonusNote;
use domain::ids::UserId;
use domain::ledger::{Booked, Wallet};
use domain::time::Day;

use crate::items::{self, BonusNoteItem, Item, day_key, mailbox_key, number, text};
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Store, System, wallets};

/// The time for which a day's count is kept, from the beginning of the day.
const COUNT_KEPT: Duration = Duration::from_secs(40 * 24 * 3_600);

/// A bonus that is to be booked.
#[derive(Debug)]
pub struct Bonus<'a> {
    /// The owner.
    pub user: &'a UserId,
    /// The digest of their mailbox.
    pub mailbox: &'a str,
    /// The booking, worked out from the wallet as it was read.
    pub booked: &'a Booked,
    /// The day that the bonus counts in.
    pub day: Day,
    /// The most bonuses that a day gives.
    pub per_day_max: u32,
}

/// The outcome of booking a bonus.
#[derive(Debug)]
pub enum BonusBooked {
    /// It is booked.
    Done,
    /// There is no note: the bonus was booked before, or is not due.
    NotDue,
    /// The mailbox or the account had its bonus before.
    Had,
    /// The day has given as many bonuses as it may.
    DayIsFull,
    /// The account is suspended or gone.
    Closed,
    /// The wallet has changed since it was read; this is its present state.
    WalletMoved(Wallet),
    /// Other writes were under way. Nothing was written.
    Busy,
}

impl Store {
    /// Builds the write of a note. Writing the same note again does no harm.
    pub(crate) fn note_bonus(&self, note: &BonusNote) -> Result<PutBuilder, Fault> {
        Ok(Put::builder()
            .table_name(&self.tables.accounts)
            .set_item(Some(items::write(&BonusNoteItem::from(note))?)))
    }

    /// Builds the deletion of a user's note, if there is one.
    pub(crate) fn unnote_bonus(&self, user: &UserId) -> DeleteBuilder {
        Delete::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(note_key(user)))
    }

    /// Lists up to `limit` notes, those after the user `after`.
    ///
    /// # Errors
    /// A [`Fault`] if they cannot be read.
    pub async fn bonus_notes(
        &self,
        _: System,
        after: Option<&UserId>,
        limit: i32,
    ) -> Result<Vec<BonusNote>, Fault> {
        let start = after.map(note_key);
        let found = self
            .client
            .query()
            .set_exclusive_start_key(start)
            .table_name(&self.tables.accounts)
            .key_condition_expression("pk = :notes")
            .expression_attribute_values(":notes", text(BonusNoteItem::KEY))
            .consistent_read(true)
            .limit(limit)
            .send()
            .await
            .map_err(Fault::doing("listing notes of bonuses"))?;
        let found = found.items.unwrap_or_default().into_iter();
        found
            .map(|item| items::read::<BonusNoteItem>(item)?.try_into())
            .collect()
    }

    /// Deletes a note without booking anything. Deleting it twice changes nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it was not written.
    pub async fn end_bonus_note(&self, user: &UserId) -> Result<(), Fault> {
        self.client
            .delete_item()
            .table_name(&self.tables.accounts)
            .set_key(Some(note_key(user)))
            .send()
            .await
            .map_err(Fault::doing("ending a note of a bonus"))?;
        Ok(())
    }

    /// Books a bonus, all or nothing: it also marks the mailbox, counts the bonus to its day and deletes
    /// its note.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn book_bonus(&self, bonus: &Bonus<'_>) -> Result<BonusBooked, Fault> {
        let doing = "booking a sign-up bonus";
        let note = Delete::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(note_key(bonus.user)))
            .condition_expression("attribute_exists(pk)");
        let (pk, sk) = mailbox_key(bonus.mailbox);
        let mailbox = Put::builder()
            .table_name(&self.tables.accounts)
            .item("pk", text(pk))
            .item("sk", text(sk))
            .condition_expression("attribute_not_exists(pk)");
        let mut tx = WriteTransaction::new(doing);
        tx.add(Part::BonusNote, note);
        tx.add(Part::Mailbox, mailbox);
        tx.add(Part::BonusDay, self.count_bonus(bonus));
        tx.add(Part::Account, self.check_good_standing(bonus.user, None));
        self.book(&mut tx, bonus.booked)?;
        let mut refused = match self.commit(tx).await? {
            Commit::Done => return Ok(BonusBooked::Done),
            Commit::Busy => return Ok(BonusBooked::Busy),
            Commit::Refused(refused) => refused,
        };
        if refused.has(Part::BonusNote) {
            return Ok(BonusBooked::NotDue);
        }
        if refused.has(Part::Mailbox) || refused.has(Part::Entry) {
            return Ok(BonusBooked::Had);
        }
        if refused.has(Part::Account) {
            return Ok(BonusBooked::Closed);
        }
        if refused.has(Part::BonusDay) {
            return Ok(BonusBooked::DayIsFull);
        }
        Ok(BonusBooked::WalletMoved(wallets::moved(
            &mut refused,
            doing,
        )?))
    }

    fn count_bonus(&self, bonus: &Bonus<'_>) -> UpdateBuilder {
        let (pk, sk) = day_key(bonus.day);
        let kept_until = bonus.day.begins().plus(COUNT_KEPT);
        Update::builder()
            .table_name(&self.tables.accounts)
            .key("pk", text(pk))
            .key("sk", text(sk))
            .update_expression("SET #ttl = :ttl ADD given :one")
            .condition_expression("attribute_not_exists(given) OR given < :max")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ttl", number(kept_until.seconds()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":max", number(bonus.per_day_max))
    }
}

fn note_key(user: &UserId) -> Item {
    Item::from([
        ("pk".to_owned(), text(BonusNoteItem::KEY)),
        ("sk".to_owned(), text(user.as_str())),
    ])
}
