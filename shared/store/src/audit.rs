//! The audit log. A record is only ever written in the transaction of the act that it tells of, together with the new
//! head of its chain, on condition that the chain still ends where the record was worked out from.
//!
//! Functions may put items here, and read them; none may update or delete one. What IAM cannot say is that a put must
//! have a condition: an item that was put over another is found by its hash.

use aws::Fault;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::audit::{Chain, Head, Record};

use crate::Store;
use crate::cursor::{Cursor, Sequence, cut};
use crate::items::{self, HEAD, HeadItem, RecordItem, place, text};
use crate::transact::{Outcome, Reason};

/// What became of an act that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded<T> {
    /// It came to this; if it was done, it is recorded.
    Done(T),
    /// Nothing was written: another act of the same chain came first. Where the chain ends now, if that is known.
    Behind(Option<Head>),
}

impl<T> Recorded<T> {
    /// What was done, seen as something else.
    pub(crate) fn map<U>(self, done: impl FnOnce(T) -> U) -> Recorded<U> {
        match self {
            Self::Done(what) => Recorded::Done(done(what)),
            Self::Behind(head) => Recorded::Behind(head),
        }
    }

    /// The same, where reading what was done can fail.
    pub(crate) fn try_map<U>(
        self,
        done: impl FnOnce(T) -> Result<U, Fault>,
    ) -> Result<Recorded<U>, Fault> {
        match self {
            Self::Done(what) => done(what).map(Recorded::Done),
            Self::Behind(head) => Ok(Recorded::Behind(head)),
        }
    }
}

/// A page of a chain, newest first.
#[derive(Debug)]
pub struct RecordPage {
    /// The records.
    pub records: Vec<Record>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor<Sequence>>,
}

impl Store {
    /// Where a chain ends (strongly consistent).
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn audit_head(&self, chain: &Chain) -> Result<Head, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.audit)
            .key("chain", text(chain.as_str()))
            .key("place", text(HEAD))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading the head of an audit log"))?;
        match found.item {
            Some(item) => items::read::<HeadItem>(item)?.try_into(),
            None => Ok(Head::START),
        }
    }

    /// A page of a chain, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn audit_records(
        &self,
        chain: &Chain,
        after: Option<&Cursor<Sequence>>,
        limit: u32,
    ) -> Result<RecordPage, Fault> {
        // The head's place comes after every record's.
        let before = after.map_or_else(|| HEAD.to_owned(), |last| place(last.place().number()));
        let found = self
            .client
            .query()
            .table_name(&self.tables.audit)
            .key_condition_expression("chain = :chain AND place < :before")
            .expression_attribute_values(":chain", text(chain.as_str()))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(Fault::doing("reading an audit log"))?;
        let stopped_at = found.last_evaluated_key.as_ref();
        let (found, more) = cut(found.items.unwrap_or_default(), stopped_at, limit);
        let records = found
            .into_iter()
            .map(|item| items::read::<RecordItem>(item)?.try_into())
            .collect::<Result<Vec<Record>, Fault>>()?;
        let next = records
            .last()
            .filter(|_| more)
            .map(|record| Cursor::after(Sequence::new(record.sequence)));
        Ok(RecordPage { records, next })
    }

    /// The two writes of a record: itself, if its place is free, and the chain's head, if it has not moved.
    pub(crate) fn recording(&self, record: &Record) -> Result<[TransactWriteItem; 2], Fault> {
        let doing = "building an audit record";
        let before = record.sequence - 1;
        let put = Put::builder()
            .table_name(&self.tables.audit)
            .set_item(Some(items::write(&RecordItem::from(record))?))
            .condition_expression("attribute_not_exists(chain)");
        let head = HeadItem::new(&record.deed.chain, Head::from(record));
        let head = Put::builder()
            .table_name(&self.tables.audit)
            .set_item(Some(items::write(&head)?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let head = if before == 0 {
            head.condition_expression("attribute_not_exists(chain)")
        } else {
            head.condition_expression("#sequence = :before")
                .expression_attribute_names("#sequence", "sequence")
                .expression_attribute_values(":before", items::number(before))
        };
        Ok([
            TransactWriteItem::builder()
                .put(put.build().map_err(Fault::doing(doing))?)
                .build(),
            TransactWriteItem::builder()
                .put(head.build().map_err(Fault::doing(doing))?)
                .build(),
        ])
    }

    /// Commits `actions` together with `record`. Done with nothing: all of it was written. Done with reasons: one of
    /// the actions' own conditions was not met, whatever became of the chain, and nothing was written.
    pub(crate) async fn transact_recorded(
        &self,
        doing: &'static str,
        mut actions: Vec<TransactWriteItem>,
        record: &Record,
    ) -> Result<Recorded<Option<Vec<Reason>>>, Fault> {
        let own = actions.len();
        actions.extend(self.recording(record)?);
        let mut reasons = match self.transact(doing, actions).await? {
            Outcome::Committed => return Ok(Recorded::Done(None)),
            Outcome::Busy => return Ok(Recorded::Behind(None)),
            Outcome::Cancelled(reasons) => reasons,
        };
        let of_the_chain = reasons.split_off(own.min(reasons.len()));
        let failed = |reason: &Reason| matches!(reason, Reason::Condition(_));
        if reasons.iter().any(failed) {
            return Ok(Recorded::Done(Some(reasons)));
        }
        match of_the_chain.into_iter().nth(1) {
            Some(Reason::Condition(Some(head))) => {
                let head = items::read::<HeadItem>(head)?.try_into()?;
                Ok(Recorded::Behind(Some(head)))
            }
            // The place is taken, and the head is being written this moment; or the log is broken, and stays so.
            Some(Reason::None | Reason::Condition(None)) | None => Ok(Recorded::Behind(None)),
        }
    }
}
