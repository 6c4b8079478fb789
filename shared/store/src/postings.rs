//! Bookings that a job has no part in: grants, redemptions. One transaction writes the wallet, its entry, what stands
//! beside it, and the record of the client's key.
//!
//! The record of a key is an item of its own (`once#<who>#<digest of the key>`), since the entry it made may be in
//! another one's ledger. It is kept as long as the ledger is.

use aws::Fault;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::Timestamp;
use domain::audit::Record;
use domain::ids::{Tenant, UserId};
use domain::ledger::{Booked, Entry, Wallet};
use domain::promos::Promo;

use crate::items::{self, EntryItem, OnceItem, WalletItem, text};
use crate::transact::{Outcome, Reason};
use crate::{Recorded, Store};

/// A client's key, and the request that it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// Whose key it is.
    pub caller: UserId,
    /// The key.
    pub key: String,
    /// A digest of the request.
    pub fingerprint: String,
}

/// What a key was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedKey {
    /// A digest of the request that it came with.
    pub fingerprint: String,
    /// Whose ledger it wrote to.
    pub tenant: Tenant,
    /// The entry that it made.
    pub entry: String,
}

/// A booking, and what is written with it.
#[derive(Debug)]
pub struct Posting<'a> {
    /// Worked out from the wallet as it was read.
    pub booked: &'a Booked,
    /// The client's key, if it gave one.
    pub once: Option<&'a Once>,
    /// The code that is redeemed, if one is.
    pub promo: Option<&'a Promo>,
    /// What the audit log will tell of it, if it is told there.
    pub record: Option<&'a Record>,
    /// When.
    pub now: Timestamp,
}

/// What became of a posting.
#[derive(Debug)]
pub enum Posted {
    /// It is booked.
    Done,
    /// Its entry was there before: this very event is booked.
    Before,
    /// The key was used before, for this.
    KeyUsed(UsedKey),
    /// The code cannot be redeemed (any more).
    PromoClosed,
    /// The wallet moved meanwhile; this is how it is now.
    WalletMoved(Wallet),
    /// Other writes were under way, or came first in the audit log: read again and try again.
    Busy,
}

impl Store {
    /// Books something together with what stands beside it, all or nothing.
    ///
    /// # Errors
    /// A [`Fault`] if it is not known to be written.
    pub async fn post(&self, posting: &Posting<'_>) -> Result<Posted, Fault> {
        let doing = "booking credits";
        let mut actions = Vec::from(self.booking(posting.booked)?);
        if let Some(once) = posting.once {
            actions.push(self.put_once(once, posting)?);
        }
        if let Some(promo) = posting.promo {
            actions.push(self.count_redemption(promo, posting.now)?);
        }
        let sent = match posting.record {
            Some(record) => self.transact_recorded(doing, actions, record).await?,
            None => match self.transact(doing, actions).await? {
                Outcome::Committed => Recorded::Done(None),
                Outcome::Cancelled(reasons) => Recorded::Done(Some(reasons)),
                Outcome::Busy => Recorded::Behind(None),
            },
        };
        let reasons = match sent {
            Recorded::Done(None) => return Ok(Posted::Done),
            Recorded::Done(Some(reasons)) => reasons,
            Recorded::Behind(_) => return Ok(Posted::Busy),
        };
        let mut reasons = reasons.into_iter();
        let (wallet, entry) = (reasons.next(), reasons.next());
        let once = posting.once.and_then(|_| reasons.next());
        let promo = posting.promo.and_then(|_| reasons.next());
        if let Some(Reason::Condition(item)) = once {
            let item = item.ok_or_else(|| Fault::new(doing, "the key's record is missing"))?;
            return Ok(Posted::KeyUsed(items::read::<OnceItem>(item)?.try_into()?));
        }
        if matches!(entry, Some(Reason::Condition(_))) {
            return Ok(Posted::Before);
        }
        if matches!(promo, Some(Reason::Condition(_))) {
            return Ok(Posted::PromoClosed);
        }
        match wallet {
            Some(Reason::Condition(Some(item))) => Ok(Posted::WalletMoved(
                items::read::<WalletItem>(item)?.try_into()?,
            )),
            Some(Reason::Condition(None) | Reason::None) | None => {
                Err(Fault::new(doing, "there is no wallet"))
            }
        }
    }

    /// What the caller's key was used for, if it was.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn used_key(&self, once: &Once) -> Result<Option<UsedKey>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.credits)
            .key("tenant", text(OnceItem::key(&once.caller, &once.key)))
            .key("entry", text(OnceItem::SORT))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading an idempotency record"))?;
        found
            .item
            .map(|item| items::read::<OnceItem>(item)?.try_into())
            .transpose()
    }

    /// One entry of the tenant's ledger, if it is there.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be read.
    pub async fn entry(&self, tenant: &Tenant, id: &str) -> Result<Option<Entry>, Fault> {
        let found = self
            .client
            .get_item()
            .table_name(&self.tables.credits)
            .key("tenant", text(tenant.as_str()))
            .key("entry", text(id))
            .consistent_read(true)
            .send()
            .await
            .map_err(Fault::doing("reading a ledger entry"))?;
        found
            .item
            .map(|item| items::read::<EntryItem>(item)?.try_into())
            .transpose()
    }

    fn put_once(&self, once: &Once, posting: &Posting<'_>) -> Result<TransactWriteItem, Fault> {
        let item = OnceItem::new(once, &posting.booked.entry, posting.now);
        let put = Put::builder()
            .table_name(&self.tables.credits)
            .set_item(Some(items::write(&item)?))
            .condition_expression("attribute_not_exists(tenant)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Fault::doing("building an idempotency record"))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}
