//! Bookings outside a job: grants and redemptions. One transaction writes the wallet, its entry, the items
//! that belong to them, and the record of the client's key.
//!
//! The record of a key is an item of its own (`once#<caller>#<digest of the key>`), because the entry may
//! be in another tenant's ledger. It is kept as long as the ledger.

use aws::Fault;
use aws_sdk_dynamodb::types::builders::PutBuilder;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure};
use domain::Timestamp;
use domain::audit::AuditRecord;
use domain::ids::Tenant;
use domain::ledger::{Booked, Entry, Wallet};
use domain::promos::Promo;

use crate::items::{self, EntryItem, OnceItem};
use crate::once::{Once, UsedKey};
use crate::transact::{Commit, Part, WriteTransaction};
use crate::{Recorded, Store, wallets};

/// A booking, and the items that are written with it.
#[derive(Debug)]
pub struct Posting<'a> {
    /// The booking, worked out from the wallet as it was read.
    pub booked: &'a Booked,
    /// The client's key, if it gave one.
    pub once: Option<&'a Once>,
    /// The promo code that is redeemed, if any.
    pub promo: Option<&'a Promo>,
    /// The record for the audit log, if it is recorded there.
    pub record: Option<&'a AuditRecord>,
    /// The time of the booking.
    pub now: Timestamp,
}

/// The outcome of a posting.
#[derive(Debug)]
pub enum Posted {
    /// The booking was written.
    Done,
    /// The entry existed before: this event is booked already.
    Before,
    /// The key was used before, for this.
    KeyUsed(UsedKey),
    /// The promo code cannot be redeemed, or no longer.
    PromoClosed,
    /// The wallet has changed since it was read; this is its present state.
    WalletMoved(Wallet),
    /// Other writes were under way, or came first in the audit log. Read again, and try again.
    Busy,
}

impl Store {
    /// Writes a booking together with the items that belong to it, all or nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn post(&self, posting: &Posting<'_>) -> Result<Posted, Fault> {
        let doing = "booking credits";
        let mut tx = WriteTransaction::new(doing);
        self.book(&mut tx, posting.booked)?;
        if let Some(once) = posting.once {
            tx.add(
                Part::IdempotencyKey,
                self.put_once(once, &posting.booked.entry, posting.now)?,
            );
        }
        if let Some(promo) = posting.promo {
            tx.add(Part::Promo, self.count_redemption(promo, posting.now));
        }
        let mut refused = match posting.record {
            Some(record) => match self.commit_recorded(tx, record).await? {
                Recorded::Done(Ok(())) => return Ok(Posted::Done),
                Recorded::Done(Err(refused)) => refused,
                Recorded::Behind(_) => return Ok(Posted::Busy),
            },
            None => match self.commit(tx).await? {
                Commit::Done => return Ok(Posted::Done),
                Commit::Refused(refused) => refused,
                Commit::Busy => return Ok(Posted::Busy),
            },
        };
        if let Some(item) = refused.item(Part::IdempotencyKey) {
            return Ok(Posted::KeyUsed(items::read::<OnceItem>(item)?.try_into()?));
        }
        if refused.has(Part::Entry) {
            return Ok(Posted::Before);
        }
        if refused.has(Part::Promo) {
            return Ok(Posted::PromoClosed);
        }
        Ok(Posted::WalletMoved(wallets::moved(&mut refused, doing)?))
    }

    /// Reads the record of the caller's key, if the key was used.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn used_key(&self, once: &Once) -> Result<Option<UsedKey>, Fault> {
        let found = self
            .item(
                "reading an idempotency record",
                &self.tables.credits,
                [
                    ("tenant", &OnceItem::key(&once.caller, &once.key)),
                    ("entry", OnceItem::SORT),
                ],
            )
            .await?;
        found
            .map(|item| items::read::<OnceItem>(item)?.try_into())
            .transpose()
    }

    /// Reads one entry of the tenant's ledger, if it exists.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn entry(&self, tenant: &Tenant, id: &str) -> Result<Option<Entry>, Fault> {
        let found = self
            .item(
                "reading a ledger entry",
                &self.tables.credits,
                [("tenant", tenant.as_str()), ("entry", id)],
            )
            .await?;
        found
            .map(|item| items::read::<EntryItem>(item)?.try_into())
            .transpose()
    }

    /// Builds the write of the record that a client's key made `entry`.
    pub(crate) fn put_once(
        &self,
        once: &Once,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<PutBuilder, Fault> {
        let item = OnceItem::new(once, entry, now);
        Ok(Put::builder()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&item)?))
            .condition_expression("attribute_not_exists(tenant)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld))
    }
}
