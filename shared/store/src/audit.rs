//! The audit log. A record is written only in the transaction of the act that it describes, together with
//! the new head of its chain, on condition that the chain still ends at the record that this one follows.
//!
//! Functions may put items here and read them; none may update or delete one. IAM cannot require a put to
//! have a condition, but an item that was overwritten is detected by its hash.

use aws::Fault;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure};
use domain::audit::{AuditRecord, Chain, ChainHead};

use crate::Store;
use crate::cursor::{Cursor, Sequence, cut};
use crate::items::{self, HEAD, HeadItem, RecordItem, place, text};
use crate::pages::Page;
use crate::transact::{Commit, Part, Refused, WriteTransaction};

/// The outcome of an act that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded<T> {
    /// The act has this result. If it was done, it is recorded.
    Done(T),
    /// Nothing was written, because another act was added to the chain first. Holds the present head of the
    /// chain, if it is known.
    Behind(Option<ChainHead>),
}

impl<T> Recorded<T> {
    /// Maps the result of an act.
    pub(crate) fn map<U>(self, done: impl FnOnce(T) -> U) -> Recorded<U> {
        match self {
            Self::Done(what) => Recorded::Done(done(what)),
            Self::Behind(head) => Recorded::Behind(head),
        }
    }

    /// Maps the result of an act with a function that can fail.
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

impl Store {
    /// Reads the head of a chain (strongly consistent).
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn audit_head(&self, chain: &Chain) -> Result<ChainHead, Fault> {
        let found = self
            .item(
                "reading the head of an audit log",
                &self.tables.audit,
                [("chain", chain.as_str()), ("place", HEAD)],
            )
            .await?;
        match found {
            Some(item) => items::read::<HeadItem>(item)?.try_into(),
            None => Ok(ChainHead::START),
        }
    }

    /// Reads a page of a chain, newest first.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn audit_records(
        &self,
        chain: &Chain,
        after: Option<Cursor<Sequence>>,
        limit: u32,
    ) -> Result<Page<AuditRecord, Sequence>, Fault> {
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
            .collect::<Result<Vec<AuditRecord>, Fault>>()?;
        Ok(Page::new(records, more, |record| {
            Sequence::new(record.sequence)
        }))
    }

    /// Records: the record, if its place is free, and the chain's head, if it has not moved.
    pub(crate) fn record(
        &self,
        tx: &mut WriteTransaction,
        record: &AuditRecord,
    ) -> Result<(), Fault> {
        let before = record.sequence - 1;
        let put = Put::builder()
            .table_name(&self.tables.audit)
            .set_item(Some(items::write(&RecordItem::from(record))?))
            .condition_expression("attribute_not_exists(chain)");
        let head = HeadItem::new(&record.deed.chain, ChainHead::from(record));
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
        tx.add(Part::AuditRecord, put);
        tx.add(Part::AuditHead, head);
        Ok(())
    }

    /// Commits a transaction together with `record`. The inner result is [`Refused`] if a condition of the
    /// transaction itself was not met, with or without one of the chain's; then nothing was written.
    pub(crate) async fn commit_recorded(
        &self,
        mut tx: WriteTransaction,
        record: &AuditRecord,
    ) -> Result<Recorded<Result<(), Refused>>, Fault> {
        self.record(&mut tx, record)?;
        let mut refused = match self.commit(tx).await? {
            Commit::Done => return Ok(Recorded::Done(Ok(()))),
            Commit::Busy => return Ok(Recorded::Behind(None)),
            Commit::Refused(refused) => refused,
        };
        let head = refused.item(Part::AuditHead);
        if let Some(own) = refused.without(&[Part::AuditRecord, Part::AuditHead]) {
            return Ok(Recorded::Done(Err(own)));
        }
        // If the head is missing here, either the place is taken and the head is being written at this
        // moment, or the log is broken for good.
        let head = head.map(|head| items::read::<HeadItem>(head)?.try_into());
        Ok(Recorded::Behind(head.transpose()?))
    }
}
